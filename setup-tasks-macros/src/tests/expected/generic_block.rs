impl<P: Debug> Web<P>
where
    P: Send,
{
    fn show(&self) {}
}
const _: () = {
    use ::setup_tasks::__private as rt;
    #[allow(dead_code)]
    impl<P: Debug> Web<P>
    where
        P: Send,
    {
        ///The handle of the task `show`.
        const SHOW: rt::TaskHandle<Self> = rt::TaskHandle::new("show");
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[
            rt::task("show", "Show it")
                .run(|this, _| rt::boxed(async move { rt::outcome(Self::show(this)) }))
                .after(&[rt::named::<Self>(<Self as Base>::ONE)])
                .source(9706834109200603045),
        ];
    }
    impl<P: Debug> rt::HasBlock for Web<P>
    where
        P: Send,
    {
        const ROWS: &'static [rt::TaskDef<Self>] = Self::__SETUP_TASKS;
    }
};

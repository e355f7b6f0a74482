impl<P: Debug> Web<P>
where
    P: Send,
{
    fn show(&self) {}
}
impl<P: Debug> Web<P>
where
    P: Send,
{
    ///The handle of the task `show`.
    #[allow(dead_code)]
    const SHOW: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "show",
    );
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::setup_tasks::__private::TaskDef<Self>] = &[
        ::setup_tasks::__private::task(
                "show",
                "Show it",
                |this, _| ::setup_tasks::__private::boxed(async move {
                    ::setup_tasks::__private::outcome(Self::show(this))
                }),
            )
            .after(&[::setup_tasks::__private::named::<Self>(<Self as Base>::ONE)])
            .source(2979471630604678505u64),
    ];
}
impl<P: Debug> ::setup_tasks::__private::HasBlock for Web<P>
where
    P: Send,
{
    const ROWS: &'static [::setup_tasks::__private::TaskDef<Self>] = Self::__SETUP_TASKS;
}

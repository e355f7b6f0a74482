impl Client {
    fn mount(&self) {}
}
const _: () = {
    use ::renamed::__private as rt;
    #[allow(dead_code)]
    impl Client {
        ///The handle of the task `mount`.
        const MOUNT: rt::TaskHandle<Self> = rt::TaskHandle::new("mount");
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[
            rt::task("mount", "Mount the share")
                .run(|this, _| rt::run_sync(Self::mount(this)))
                .source(9706834109200603045),
        ];
    }
    rt::require_model::<Client>();
};

impl Client {}
const _: () = {
    use ::setup_tasks::__private as rt;
    #[allow(dead_code)]
    impl Client {
        /// Render the banner
        pub const MOTD: rt::ValueTask<Self, TemplateTask> = rt::ValueTask::new(
            "motd",
            TemplateTask::new("motd"),
        );
        #[doc(hidden)]
        const __MOTD: &'static dyn rt::DynTaskKind<Self> = &Self::MOTD;
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[
            rt::task("motd", "Render the banner")
                .value(Self::__MOTD)
                .source(13225082208981113979),
        ];
    }
    rt::require_model::<Client>();
};

impl Client {}
impl Client {
    /// Render the banner
    pub const MOTD: ::setup_tasks::__private::ValueTask<Self, TemplateTask> = ::setup_tasks::__private::ValueTask::new(
        "motd",
        TemplateTask::new("motd"),
    );
    #[doc(hidden)]
    const __MOTD: &'static dyn ::setup_tasks::__private::DynTaskKind<Self> = &Self::MOTD;
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::setup_tasks::__private::TaskDef<Self>] = &[
        ::setup_tasks::__private::value("motd", "Render the banner", Self::__MOTD)
            .source(13225082208981113979u64),
    ];
}
const _: () = {
    ::setup_tasks::__private::require_model::<Client>();
};

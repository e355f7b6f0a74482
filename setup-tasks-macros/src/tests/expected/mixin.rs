pub trait DebianMachine: Base + ::setup_tasks::__private::Lists<{ DebianMachine.id() }> {
    fn apt_update(
        &self,
        cx: &TaskContext,
    ) -> impl ::core::future::Future<Output = Result<()>> + ::core::marker::Send {
        async move { run("apt-get update").await }
    }
    fn required(
        &self,
    ) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
    fn plain(&self) {}
    #[allow(dead_code)]
    ///The handle of the task `apt_update`.
    const APT_UPDATE: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "apt_update",
    );
    #[allow(dead_code)]
    ///The handle of the task `required`.
    const REQUIRED: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "required",
    );
    #[allow(dead_code)]
    const MOTD: ::setup_tasks::__private::ValueTask<Self, TemplateTask> = ::setup_tasks::__private::ValueTask::new(
        "motd",
        TemplateTask::new("motd"),
    );
    #[doc(hidden)]
    const __MOTD: &'static dyn ::setup_tasks::__private::DynTaskKind<Self> = &<Self as DebianMachine>::MOTD;
    #[doc(hidden)]
    const __MIXIN_TASKS: ::setup_tasks::__private::Block<Self> = {
        use ::setup_tasks::__private as rt;
        rt::Block::new(
            rt::module_path!(),
            "DebianMachine",
            &[rt::Mixin::new(&<Self as Base>::__MIXIN_TASKS).skip(&["two"])],
            &[
                &[
                    rt::task("apt_update", "Refresh the packages")
                        .run(|this, cx| rt::run_async(
                            <Self as DebianMachine>::apt_update(this, rt::context(cx)),
                        ))
                        .after(&[rt::named::<Self>(<Self as Base>::ONE)])
                        .source(15314644267734408070),
                    rt::task("required", "Required of each")
                        .run(|this, _| rt::run_async(
                            <Self as DebianMachine>::required(this),
                        ))
                        .source(15094718660192014355),
                    rt::task("motd", "")
                        .value(<Self as DebianMachine>::__MOTD)
                        .source(13225082208981113979),
                ],
            ],
        )
    };
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals)]
pub const DebianMachine: ::setup_tasks::__private::MixinId = ::setup_tasks::__private::MixinId::new(
    ::setup_tasks::__private::module_path!(),
    "DebianMachine",
    &[&Base],
);

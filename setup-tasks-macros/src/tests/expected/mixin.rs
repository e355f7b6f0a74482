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
    ///The handle of the task `apt_update`.
    #[allow(dead_code)]
    const APT_UPDATE: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "apt_update",
    );
    ///The handle of the task `required`.
    #[allow(dead_code)]
    const REQUIRED: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "required",
    );
    const MOTD: ::setup_tasks::__private::ValueTask<Self, TemplateTask> = ::setup_tasks::__private::ValueTask::new(
        "motd",
        TemplateTask::new("motd"),
    );
    #[doc(hidden)]
    const __MOTD: &'static dyn ::setup_tasks::__private::DynTaskKind<Self> = &<Self as DebianMachine>::MOTD;
    #[doc(hidden)]
    const __MIXIN_TASKS: ::setup_tasks::__private::Block<Self> = ::setup_tasks::__private::Block::new(
        ::core::module_path!(),
        "DebianMachine",
        &[
            ::setup_tasks::__private::Mixin::new(&<Self as Base>::__MIXIN_TASKS)
                .skip(&["two"]),
        ],
        &[
            &[
                ::setup_tasks::__private::task(
                        "apt_update",
                        "Refresh the packages",
                        |this, cx| ::setup_tasks::__private::run(
                            <Self as DebianMachine>::apt_update(
                                this,
                                ::setup_tasks::__private::context(cx),
                            ),
                        ),
                    )
                    .after(
                        &[::setup_tasks::__private::named::<Self>(<Self as Base>::ONE)],
                    )
                    .source(10225261300170812258u64),
                ::setup_tasks::__private::task(
                        "required",
                        "Required of each",
                        |this, _| ::setup_tasks::__private::run(
                            <Self as DebianMachine>::required(this),
                        ),
                    )
                    .source(16210119753504032135u64),
                ::setup_tasks::__private::value(
                        "motd",
                        "",
                        <Self as DebianMachine>::__MOTD,
                    )
                    .source(13225082208981113979u64),
            ],
        ],
    );
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals)]
pub const DebianMachine: ::setup_tasks::__private::MixinId = ::setup_tasks::__private::MixinId::new(
    ::core::module_path!(),
    "DebianMachine",
    &[&Base],
);

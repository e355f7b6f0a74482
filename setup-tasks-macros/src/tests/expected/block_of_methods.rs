impl Client {
    /// Mounts it.
    pub async fn mount(&self, cx: &TaskContext, network: Inject<Network>) -> Result<()> {
        todo!()
    }
    fn banner(&self) {}
    async fn is_mounted(&self, last_run: LastRun) -> Result<bool> {
        todo!()
    }
    fn options(&self) -> String {
        todo!()
    }
}
impl Client {
    ///The handle of the task `mount`.
    #[allow(dead_code)]
    pub const MOUNT: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "mount",
    );
    ///The handle of the task `banner`.
    #[allow(dead_code)]
    const BANNER: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "banner",
    );
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::setup_tasks::__private::TaskDef<Self>] = &[
        ::setup_tasks::__private::task(
                "mount",
                "Mount the share",
                |this, cx| ::setup_tasks::__private::boxed(async move {
                    ::setup_tasks::__private::outcome(
                        Self::mount(
                                this,
                                ::setup_tasks::__private::context(cx),
                                ::setup_tasks::__private::extract::<Self, _>(cx).await?,
                            )
                            .await,
                    )
                }),
            )
            .hash_now(|this| ::setup_tasks::__private::hash_text(Self::options(this)))
            .invalidator(|this, cx| ::setup_tasks::__private::boxed(async move {
                ::setup_tasks::__private::valid(
                    Self::is_mounted(
                            this,
                            ::setup_tasks::__private::extract::<Self, _>(cx).await?,
                        )
                        .await,
                )
            }))
            .source(14353669063435207680u64),
        ::setup_tasks::__private::task(
                "banner",
                "Write the banner",
                |this, _| ::setup_tasks::__private::boxed(
                    ::setup_tasks::__private::ready(
                        ::setup_tasks::__private::outcome(Self::banner(this)),
                    ),
                ),
            )
            .before(&["mount"])
            .source(9904876695864204306u64),
    ];
}
const _: () = {
    ::setup_tasks::__private::require_model::<Client>();
};

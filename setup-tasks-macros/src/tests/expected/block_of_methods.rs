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
const _: () = {
    use ::setup_tasks::__private as rt;
    #[allow(dead_code)]
    impl Client {
        ///The handle of the task `mount`.
        pub const MOUNT: rt::TaskHandle<Self> = rt::TaskHandle::new("mount");
        ///The handle of the task `banner`.
        const BANNER: rt::TaskHandle<Self> = rt::TaskHandle::new("banner");
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[
            rt::task("mount", "Mount the share")
                .run(|this, cx| rt::boxed(async move {
                    rt::outcome(
                        Self::mount(
                                this,
                                rt::context(cx),
                                rt::extract::<Self, _>(cx).await?,
                            )
                            .await,
                    )
                }))
                .hash_now(|this| rt::hash_text(Self::options(this)))
                .invalidator(|this, cx| rt::boxed(async move {
                    rt::valid(
                        Self::is_mounted(this, rt::extract::<Self, _>(cx).await?).await,
                    )
                }))
                .source(9832388092259771573),
            rt::task("banner", "Write the banner")
                .run(|this, _| rt::run_sync(Self::banner(this)))
                .before(&["mount"])
                .source(9706834109200603045),
        ];
    }
    rt::require_model::<Client>();
};

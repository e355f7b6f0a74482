impl Client {
    fn a(&self) {}
    fn b(&self) {}
    async fn c(&self) {}
    async fn d(&self) -> Result<Outcome> {
        Ok(Outcome::Done)
    }
    fn e(&self, name: Inject<Name>) -> Result<(), Error> {
        name.check()
    }
    async fn done(&self) -> bool {
        true
    }
    fn valid(&self) -> bool {
        true
    }
    fn take_down(&self) {}
    async fn take_down_later(&self, cx: &TaskContext) -> Result<()> {
        cx.command("umount").run().await
    }
}
const _: () = {
    use ::setup_tasks::__private as rt;
    #[allow(dead_code)]
    impl Client {
        ///The handle of the task `a`.
        const A: rt::TaskHandle<Self> = rt::TaskHandle::new("a");
        ///The handle of the task `b`.
        const B: rt::TaskHandle<Self> = rt::TaskHandle::new("b");
        ///The handle of the task `c`.
        const C: rt::TaskHandle<Self> = rt::TaskHandle::new("c");
        ///The handle of the task `d`.
        const D: rt::TaskHandle<Self> = rt::TaskHandle::new("d");
        ///The handle of the task `e`.
        const E: rt::TaskHandle<Self> = rt::TaskHandle::new("e");
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[
            rt::task("a", "a")
                .run(|this, _| rt::run_sync(Self::a(this)))
                .order(150)
                .check_completed(|this, _| rt::boxed(async move {
                    rt::completion(Self::done(this).await)
                }))
                .depend_on(|this| rt::list([
                    rt::system(this.network.clone()),
                    rt::system(Power),
                ]))
                .dependencies_always()
                .source(405202886633272768),
            rt::task("b", "b")
                .run(|this, _| rt::run_sync(Self::b(this)))
                .slow_invalidator_now(|this| rt::valid(Self::valid(this)))
                .undo_now(|this| rt::undone(Self::take_down(this))),
            rt::task("c", "c")
                .run(|this, _| rt::run_async(Self::c(this)))
                .undo(|this, cx| rt::boxed(async move {
                    rt::undone(Self::take_down_later(this, rt::context(cx)).await)
                }))
                .inputs(|this| rt::list([
                    rt::PathPattern::new("conf/").value(&this.name).text(".toml"),
                    rt::PathPattern::new("keys/*.pub"),
                ]))
                .outputs(|this| rt::list([
                    rt::PathPattern::new("out/").value(rt::format!("{:04}", this.net.id)),
                ]))
                .timeout(300000)
                .retries(3)
                .tagged(&["net"])
                .source(6822396577032444189),
            rt::task("d", "d")
                .run(|this, _| rt::run_async_check(Self::d(this)))
                .outputs(|_| rt::list([rt::PathPattern::new("d")]))
                .restat()
                .always()
                .reports()
                .source(15000465201708944636),
            rt::task("e", "e")
                .run(|this, cx| rt::boxed(async move {
                    rt::outcome_of_check(
                        Self::e(this, rt::extract::<Self, _>(cx).await?),
                    )
                }))
                .always()
                .source(1933583142237956133),
        ];
    }
};
::core::compile_error! {
    "`c` cannot take over the records of `d`, which is a present task\nhelp: remove or rename `d`, or remove this `formerly`"
}

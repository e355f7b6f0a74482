impl Client {
    fn a(&self) {}
    fn b(&self) {}
    async fn c(&self) {}
    async fn done(&self) -> bool {
        true
    }
    fn valid(&self) -> bool {
        true
    }
}
impl Client {
    ///The handle of the task `a`.
    #[allow(dead_code)]
    const A: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "a",
    );
    ///The handle of the task `b`.
    #[allow(dead_code)]
    const B: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "b",
    );
    ///The handle of the task `c`.
    #[allow(dead_code)]
    const C: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "c",
    );
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::setup_tasks::__private::TaskDef<Self>] = &[
        ::setup_tasks::__private::task(
                "a",
                "a",
                |this, _| ::setup_tasks::__private::boxed(
                    ::setup_tasks::__private::ready(
                        ::setup_tasks::__private::outcome(Self::a(this)),
                    ),
                ),
            )
            .order(150)
            .check_completed(|this, _| ::setup_tasks::__private::boxed(async move {
                ::setup_tasks::__private::completion(Self::done(this).await)
            }))
            .depend_on(|this| ::setup_tasks::__private::list([
                ::setup_tasks::__private::system(this.network.clone()),
                ::setup_tasks::__private::system(Power),
            ]))
            .dependencies_always()
            .source(11036156066323174457u64),
        ::setup_tasks::__private::task(
                "b",
                "b",
                |this, _| ::setup_tasks::__private::boxed(
                    ::setup_tasks::__private::ready(
                        ::setup_tasks::__private::outcome(Self::b(this)),
                    ),
                ),
            )
            .after(&["a", "apt_update"])
            .invalidator_now(|this| ::setup_tasks::__private::valid(Self::valid(this)))
            .slow(),
        ::setup_tasks::__private::task(
                "c",
                "c",
                |this, _| ::setup_tasks::__private::run(Self::c(this)),
            )
            .inputs(|this| ::setup_tasks::__private::list([
                ::setup_tasks::__private::PathPattern::new("conf/")
                    .value(&this.name)
                    .text(".toml"),
                ::setup_tasks::__private::PathPattern::new("keys/*.pub"),
            ]))
            .outputs(|this| ::setup_tasks::__private::list([
                ::setup_tasks::__private::PathPattern::new("out/")
                    .value(::setup_tasks::__private::format!("{:04}", this.net.id)),
            ]))
            .timeout(300000u64)
            .retries(3u32)
            .tagged(&["net"])
            .source(6463549046607140651u64),
    ];
}
const _: () = {
    ::setup_tasks::__private::require_model::<Client>();
    ::setup_tasks::__private::require_task::<Client>("Client", "apt_update");
};

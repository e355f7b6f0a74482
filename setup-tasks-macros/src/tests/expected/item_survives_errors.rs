impl Client {
    fn mount(&self) {}
    fn banner() {}
    fn other(&self) {}
}
impl Client {
    ///The handle of the task `mount`.
    #[allow(dead_code)]
    const MOUNT: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "mount",
    );
    ///The handle of the task `banner`.
    #[allow(dead_code)]
    const BANNER: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "banner",
    );
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::setup_tasks::__private::TaskDef<Self>] = &[];
}
::core::compile_error! {
    "`#[setup_task]` has no key `befor`\nhelp: did you mean `before`?"
}
::core::compile_error! {
    "a setup task takes `&self`\nhelp: write `async fn name(&self, cx: &TaskContext) -> Result<()>`, or `fn`, with any number of extractors"
}
::core::compile_error! {
    "`Client` has no method `nothing` in this block\nhelp: the methods here are `banner`, `other`"
}

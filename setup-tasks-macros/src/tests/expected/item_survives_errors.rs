impl Client {
    fn mount(&self) {}
    fn banner() {}
    fn other(&self) {}
}
const _: () = {
    use ::setup_tasks::__private as rt;
    #[allow(dead_code)]
    impl Client {
        ///The handle of the task `mount`.
        const MOUNT: rt::TaskHandle<Self> = rt::TaskHandle::new("mount");
        ///The handle of the task `banner`.
        const BANNER: rt::TaskHandle<Self> = rt::TaskHandle::new("banner");
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[];
    }
};
::core::compile_error! {
    "`#[setup_task]` has no key `befor`\nhelp: did you mean `before`?"
}
::core::compile_error! {
    "a setup task takes `&self`\nhelp: write `async fn name(&self, cx: &TaskContext) -> Result<()>`, or `fn`, with any number of extractors"
}
::core::compile_error! {
    "`Client` has no method `nothing` in this block\nhelp: the methods here are `banner`, `other`"
}

impl Client {
    fn mount(&self) {}
    #[cfg(unix)]
    fn options(&self) -> String {
        todo!()
    }
    fn map_drive(&self) {}
}
const _: () = {
    use ::renamed::__private as rt;
    #[allow(dead_code)]
    impl Client {
        ///The handle of the task `mount`.
        const MOUNT: rt::TaskHandle<Self> = rt::TaskHandle::new("mount");
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[
            rt::task("mount", "Mount the share")
                .run(|this, _| rt::run_sync(Self::mount(this)))
                .hash_now(|this| rt::hash_text(Self::options(this)))
                .source(9341045705137432917),
        ];
    }
    rt::require_model::<Client>();
};

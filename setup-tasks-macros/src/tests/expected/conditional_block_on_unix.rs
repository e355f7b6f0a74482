impl Client {
    fn mount(&self) {}
    #[cfg(unix)]
    fn options(&self) -> String {
        todo!()
    }
    fn map_drive(&self) {}
}
impl Client {
    ///The handle of the task `mount`.
    #[allow(dead_code)]
    const MOUNT: ::renamed::__private::TaskHandle<Self> = ::renamed::__private::TaskHandle::new(
        "mount",
    );
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::renamed::__private::TaskDef<Self>] = &[
        ::renamed::__private::task(
                "mount",
                "Mount the share",
                |this, _| ::renamed::__private::boxed(
                    ::renamed::__private::ready(
                        ::renamed::__private::outcome(Self::mount(this)),
                    ),
                ),
            )
            .hash_now(|this| ::renamed::__private::hash_text(Self::options(this)))
            .source(13854024659675551486u64),
    ];
}
const _: () = {
    ::renamed::__private::require_model::<Client>();
};

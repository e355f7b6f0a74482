impl Client {
    fn mount(&self) {}
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
            .source(17081392208450583647u64),
    ];
}
const _: () = {
    ::renamed::__private::require_model::<Client>();
};

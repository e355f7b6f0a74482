impl Client {}
impl Client {
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::setup_tasks::__private::TaskDef<Self>] = &[];
}
const _: () = {
    ::setup_tasks::__private::require_model::<Client>();
};

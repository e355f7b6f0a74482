impl Client {}
const _: () = {
    use ::setup_tasks::__private as rt;
    #[allow(dead_code)]
    impl Client {
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[];
    }
    rt::require_model::<Client>();
};

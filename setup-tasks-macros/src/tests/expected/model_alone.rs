const _: () = {
    use ::setup_tasks::__private as rt;
    #[automatically_derived]
    impl rt::SetupTasks for Gateway {
        const NAME: &'static rt::str = "Gateway";
        const BLOCK: &'static rt::Block<Self> = {
            use rt::NoBlock as _;
            &rt::Block::new(
                rt::module_path!(),
                "Gateway",
                &[],
                &[&[], Self::__SETUP_TASKS],
            )
        };
        const TABLE: &'static rt::TaskTable<Self> = &rt::TaskTable::build(
            <Self as rt::SetupTasks>::BLOCK,
        );
        fn stamp_subdir(&self) -> rt::String {
            rt::ToOwned::to_owned("gateway")
        }
    }
    rt::inventory::submit! {
        rt::TypeInfo::of:: < Gateway > (rt::module_path!())
    }
    let _ = <Gateway as rt::SetupTasks>::TABLE;
};

const _: () = {
    use ::setup_tasks::__private as rt;
    #[automatically_derived]
    impl rt::SetupTasks for Client {
        const NAME: &'static rt::str = "Client";
        const BLOCK: &'static rt::Block<Self> = {
            use rt::NoBlock as _;
            &rt::Block::new(
                rt::module_path!(),
                "Client",
                &[],
                &[&[], Self::__SETUP_TASKS],
            )
        };
        const TABLE: &'static rt::TaskTable<Self> = &rt::TaskTable::build(
            <Self as rt::SetupTasks>::BLOCK,
        );
        fn stamp_subdir(&self) -> rt::String {
            rt::String::new()
        }
    }
    rt::inventory::submit! {
        rt::TypeInfo::of:: < Client > (rt::module_path!())
    }
    let _ = <Client as rt::SetupTasks>::TABLE;
};
::core::compile_error! {
    "`#[setup_tasks]` on a struct has no key `redonly`\nhelp: did you mean `readonly`?"
}
::core::compile_error! {
    "`Client` has no field `nmae`\nhelp: did you mean `name`?"
}

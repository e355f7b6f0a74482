const _: () = {
    use ::setup_tasks::__private as rt;
    #[automatically_derived]
    impl<
        P: Debug + ::core::marker::Send + ::core::marker::Sync + 'static,
        const N: usize,
    > rt::SetupTasks for Web<P, N>
    where
        P: Clone,
    {
        const NAME: &'static rt::str = "Web";
        const BLOCK: &'static rt::Block<Self> = &rt::Block::new(
            rt::module_path!(),
            "Web",
            &[],
            &[&[], <Self as rt::HasBlock>::ROWS],
        );
        const TABLE: &'static rt::TaskTable<Self> = &rt::TaskTable::build(
            <Self as rt::SetupTasks>::BLOCK,
        );
        fn stamp_subdir(&self) -> rt::String {
            rt::format!("web/{}", self.0)
        }
    }
    rt::inventory::submit! {
        rt::TypeInfo::generic("Web", rt::module_path!())
    }
};

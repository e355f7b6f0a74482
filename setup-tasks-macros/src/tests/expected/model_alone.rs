#[automatically_derived]
impl ::setup_tasks::SetupTasks for Gateway {
    const NAME: &'static ::core::primitive::str = "Gateway";
    const READONLY: ::core::option::Option<::core::primitive::bool> = ::core::option::Option::None;
    const BLOCK: &'static ::setup_tasks::__private::Block<Self> = {
        use ::setup_tasks::__private::NoBlock as _;
        &::setup_tasks::__private::Block::new(
            ::core::module_path!(),
            "Gateway",
            &[],
            &[&[], Self::__SETUP_TASKS],
        )
    };
    const TABLE: &'static ::setup_tasks::__private::TaskTable<Self> = &::setup_tasks::__private::TaskTable::build(
        <Self as ::setup_tasks::SetupTasks>::BLOCK,
    );
    fn stamp_subdir(&self) -> ::setup_tasks::__private::String {
        ::setup_tasks::__private::ToOwned::to_owned("gateway")
    }
}
const _: () = {
    let _ = <Gateway as ::setup_tasks::SetupTasks>::TABLE;
};
::setup_tasks::__private::inventory::submit! {
    ::setup_tasks::__private::TypeInfo::of:: < Gateway > (::core::module_path!())
}

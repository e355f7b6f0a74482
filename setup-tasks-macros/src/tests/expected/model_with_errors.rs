#[automatically_derived]
impl ::setup_tasks::SetupTasks for Client {
    const NAME: &'static ::core::primitive::str = "Client";
    const READONLY: ::core::option::Option<::core::primitive::bool> = ::core::option::Option::None;
    const BLOCK: &'static ::setup_tasks::__private::Block<Self> = {
        use ::setup_tasks::__private::NoBlock as _;
        &::setup_tasks::__private::Block::new(
            ::core::module_path!(),
            "Client",
            &[],
            &[&[], Self::__SETUP_TASKS],
        )
    };
    const TABLE: &'static ::setup_tasks::__private::TaskTable<Self> = &::setup_tasks::__private::TaskTable::build(
        <Self as ::setup_tasks::SetupTasks>::BLOCK,
    );
    fn stamp_subdir(&self) -> ::setup_tasks::__private::String {
        ::setup_tasks::__private::String::new()
    }
}
const _: () = {
    let _ = <Client as ::setup_tasks::SetupTasks>::TABLE;
};
::setup_tasks::__private::inventory::submit! {
    ::setup_tasks::__private::TypeInfo::of:: < Client > (::core::module_path!())
}
::core::compile_error! {
    "`#[setup_tasks]` on a struct has no key `redonly`\nhelp: did you mean `readonly`?"
}
::core::compile_error! {
    "`Client` has no field `nmae`\nhelp: did you mean `name`?"
}

#[automatically_derived]
impl<
    P: Debug + ::core::marker::Send + ::core::marker::Sync + 'static,
    const N: usize,
> ::setup_tasks::SetupTasks for Web<P, N>
where
    P: Clone,
{
    const NAME: &'static ::core::primitive::str = "Web";
    const READONLY: ::core::option::Option<::core::primitive::bool> = ::core::option::Option::None;
    const BLOCK: &'static ::setup_tasks::__private::Block<Self> = {
        &::setup_tasks::__private::Block::new(
            ::core::module_path!(),
            "Web",
            &[],
            &[&[], <Self as ::setup_tasks::__private::HasBlock>::ROWS],
        )
    };
    const TABLE: &'static ::setup_tasks::__private::TaskTable<Self> = &::setup_tasks::__private::TaskTable::build(
        <Self as ::setup_tasks::SetupTasks>::BLOCK,
    );
    fn stamp_subdir(&self) -> ::setup_tasks::__private::String {
        ::setup_tasks::__private::format!("web/{}", self.0)
    }
}
::setup_tasks::__private::inventory::submit! {
    ::setup_tasks::__private::TypeInfo::generic("Web", ::core::module_path!())
}

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
            &[
                &[
                    ::setup_tasks::__private::relation(
                        "fileserver_update_files",
                        "Depend on update_files of fileserver",
                        ::setup_tasks::__private::Relation::<
                            Self,
                        >::new(|this| ::setup_tasks::__private::related::<
                                ::setup_tasks::__private::AnyModel,
                            >(&this.fileserver))
                            .to("update_files")
                            .by_name(),
                    ),
                ],
                Self::__SETUP_TASKS,
            ],
        )
    };
    const TABLE: &'static ::setup_tasks::__private::TaskTable<Self> = &::setup_tasks::__private::TaskTable::build(
        <Self as ::setup_tasks::SetupTasks>::BLOCK,
    );
    fn stamp_subdir(&self) -> ::setup_tasks::__private::String {
        ::setup_tasks::__private::format!("clients/{}", self.name)
    }
    fn event_keys(
        &self,
    ) -> ::setup_tasks::__private::Vec<::setup_tasks::__private::EventKey> {
        Self::keys(self)
    }
}
impl Client {
    ///The handle of the relationship `fileserver_update_files`.
    #[allow(dead_code)]
    pub const FILESERVER_UPDATE_FILES: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "fileserver_update_files",
    );
    ///What the relationship `fileserver` holds.
    #[must_use]
    #[allow(dead_code)]
    pub fn server(
        &self,
    ) -> <AnyObject as ::setup_tasks::__private::Related<
        ::setup_tasks::__private::AnyModel,
    >>::Access<'_> {
        ::setup_tasks::__private::access::<
            ::setup_tasks::__private::AnyModel,
            AnyObject,
        >(&self.fileserver)
    }
}
const _: () = {
    let _ = <Client as ::setup_tasks::SetupTasks>::TABLE;
};
::setup_tasks::__private::inventory::submit! {
    ::setup_tasks::__private::TypeInfo::of:: < Client > (::core::module_path!())
}

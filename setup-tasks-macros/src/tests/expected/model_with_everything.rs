#[automatically_derived]
impl ::setup_tasks::SetupTasks for Client {
    const NAME: &'static ::core::primitive::str = "Client";
    const READONLY: ::core::option::Option<::core::primitive::bool> = ::core::option::Option::Some(
        true,
    );
    const BLOCK: &'static ::setup_tasks::__private::Block<Self> = {
        use ::setup_tasks::__private::NoBlock as _;
        &::setup_tasks::__private::Block::new(
            ::core::module_path!(),
            "Client",
            &[
                ::setup_tasks::__private::Mixin::new(
                    &<Self as DebianMachine>::__MIXIN_TASKS,
                ),
                ::setup_tasks::__private::Mixin::new(&<Self as Backup>::__MIXIN_TASKS)
                    .skip(&["restore"]),
            ],
            &[
                &[
                    ::setup_tasks::__private::relation(
                            "fileserver_update_files",
                            "Depend on update_files of fileserver",
                            ::setup_tasks::__private::Relation::<
                                Self,
                            >::new(|this| ::setup_tasks::__private::related::<
                                    FileServer,
                                >(&this.fileserver))
                                .to("update_files")
                                .ready(),
                        )
                        .before(&["mount"]),
                    ::setup_tasks::__private::relation(
                        "mirrors_update_files",
                        "Depend on update_files of mirrors",
                        ::setup_tasks::__private::Relation::<
                            Self,
                        >::new(|this| ::setup_tasks::__private::related::<
                                FileServer,
                            >(&this.mirrors))
                            .to("update_files")
                            .leave(),
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
    fn object_id(&self) -> ::setup_tasks::__private::String {
        ::setup_tasks::__private::format!("{}", self.name)
    }
    async fn bring_to_ready(
        object: &::setup_tasks::Object<Self>,
    ) -> ::setup_tasks::__private::Result<()> {
        Self::bring_up(object).await
    }
}
const _: () = {
    use ::setup_tasks::__private as rt;
    const MIXINS: &[&rt::MixinId] = &[&DebianMachine, &Backup];
    impl rt::Lists<{ rt::listed(MIXINS, 0usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 1usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 2usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 3usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 4usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 5usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 6usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 7usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 8usize) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 9usize) }> for Client {}
};
impl Client {
    ///The handle of the relationship `fileserver_update_files`.
    #[allow(dead_code)]
    pub const FILESERVER_UPDATE_FILES: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "fileserver_update_files",
    );
    ///The handle of the relationship `mirrors_update_files`.
    #[allow(dead_code)]
    pub const MIRRORS_UPDATE_FILES: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "mirrors_update_files",
    );
    ///What the relationship `fileserver` holds.
    #[must_use]
    #[allow(dead_code)]
    fn fileserver(
        &self,
    ) -> <Object<
        FileServer,
    > as ::setup_tasks::__private::Related<FileServer>>::Access<'_> {
        ::setup_tasks::__private::access::<
            FileServer,
            Object<FileServer>,
        >(&self.fileserver)
    }
    ///What the relationship `mirrors` holds.
    #[must_use]
    #[allow(dead_code)]
    fn mirrors(
        &self,
    ) -> <Vec<
        Object<FileServer>,
    > as ::setup_tasks::__private::Related<FileServer>>::Access<'_> {
        ::setup_tasks::__private::access::<
            FileServer,
            Vec<Object<FileServer>>,
        >(&self.mirrors)
    }
}
const _: () = {
    let _ = <Client as ::setup_tasks::SetupTasks>::TABLE;
    ::setup_tasks::__private::require_in_block(
        &<Client as Backup>::__MIXIN_TASKS,
        "restore",
    );
    ::setup_tasks::__private::require_task::<FileServer>("FileServer", "update_files");
    ::setup_tasks::__private::require_task::<FileServer>("FileServer", "update_files");
    ::setup_tasks::__private::require_task::<Client>("Client", "mount");
};
::setup_tasks::__private::inventory::submit! {
    ::setup_tasks::__private::TypeInfo::of:: < Client > (::core::module_path!())
}

const _: () = {
    use ::setup_tasks::__private as rt;
    #[automatically_derived]
    impl rt::SetupTasks for Client {
        const NAME: &'static rt::str = "Client";
        const READONLY: rt::Option<rt::bool> = rt::Option::Some(true);
        const BLOCK: &'static rt::Block<Self> = {
            use rt::NoBlock as _;
            &rt::Block::new(
                rt::module_path!(),
                "Client",
                &[
                    rt::Mixin::new(&<Self as DebianMachine>::__MIXIN_TASKS),
                    rt::Mixin::new(&<Self as Backup>::__MIXIN_TASKS).skip(&["restore"]),
                ],
                &[
                    &[
                        rt::task(
                                "fileserver_update_files",
                                "Depend on update_files of fileserver",
                            )
                            .field(
                                "update_files",
                                |this: &Self| rt::related::<FileServer>(&this.fileserver),
                            )
                            .ready()
                            .before(&["mount"]),
                        rt::task(
                                "mirrors_update_files",
                                "Depend on update_files of mirrors",
                            )
                            .field(
                                "update_files",
                                |this: &Self| rt::related::<FileServer>(&this.mirrors),
                            )
                            .run_if_needed(false),
                    ],
                    Self::__SETUP_TASKS,
                ],
            )
        };
        const TABLE: &'static rt::TaskTable<Self> = &rt::TaskTable::build(
            <Self as rt::SetupTasks>::BLOCK,
        );
        fn stamp_subdir(&self) -> rt::String {
            rt::format!("clients/{}", self.name)
        }
        fn object_id(&self) -> rt::String {
            rt::format!("{}", self.name)
        }
        const REPLACES_RUN: bool = true;
        async fn bring_to_ready(object: &rt::Object<Self>) -> rt::Result<()> {
            Self::bring_up(object).await
        }
    }
    const MIXINS: &[&rt::MixinId] = &[&DebianMachine, &Backup];
    impl rt::Lists<{ rt::listed(MIXINS, 0) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 1) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 2) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 3) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 4) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 5) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 6) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 7) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 8) }> for Client {}
    impl rt::Lists<{ rt::listed(MIXINS, 9) }> for Client {}
    #[allow(dead_code)]
    impl Client {
        ///The handle of the relationship `fileserver_update_files`.
        pub const FILESERVER_UPDATE_FILES: rt::TaskHandle<Self> = rt::TaskHandle::new(
            "fileserver_update_files",
        );
        ///The handle of the relationship `mirrors_update_files`.
        pub const MIRRORS_UPDATE_FILES: rt::TaskHandle<Self> = rt::TaskHandle::new(
            "mirrors_update_files",
        );
        ///Returns the value of the relationship field `fileserver`.
        #[must_use]
        fn fileserver(
            &self,
        ) -> <Object<FileServer> as rt::Related<FileServer>>::Access<'_> {
            rt::access::<FileServer, Object<FileServer>>(&self.fileserver)
        }
        ///Returns the value of the relationship field `mirrors`.
        #[must_use]
        fn mirrors(
            &self,
        ) -> <Vec<Object<FileServer>> as rt::Related<FileServer>>::Access<'_> {
            rt::access::<FileServer, Vec<Object<FileServer>>>(&self.mirrors)
        }
    }
    rt::inventory::submit! {
        rt::TypeInfo::of:: < Client > (rt::module_path!())
    }
    let _ = <Client as rt::SetupTasks>::TABLE;
    rt::require_in_block(&<Client as Backup>::__MIXIN_TASKS, "restore");
    rt::require_task::<FileServer>("FileServer", "update_files");
    rt::require_task::<Client>("Client", "mount");
};

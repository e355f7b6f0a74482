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
                &[
                    &[
                        rt::task(
                                "fileserver_update_files",
                                "Depend on update_files of fileserver",
                            )
                            .field(
                                "update_files",
                                |this: &Self| rt::related::<rt::AnyModel>(&this.fileserver),
                            )
                            .by_name(),
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
        fn event_keys(&self) -> rt::Vec<rt::EventKey> {
            Self::keys(self)
        }
    }
    #[allow(dead_code)]
    impl Client {
        ///The handle of the relationship `fileserver_update_files`.
        pub const FILESERVER_UPDATE_FILES: rt::TaskHandle<Self> = rt::TaskHandle::new(
            "fileserver_update_files",
        );
        ///Returns the value of the relationship field `fileserver`.
        #[must_use]
        pub fn server(&self) -> <AnyObject as rt::Related<rt::AnyModel>>::Access<'_> {
            rt::access::<rt::AnyModel, AnyObject>(&self.fileserver)
        }
    }
    rt::inventory::submit! {
        rt::TypeInfo::of:: < Client > (rt::module_path!())
    }
    let _ = <Client as rt::SetupTasks>::TABLE;
};

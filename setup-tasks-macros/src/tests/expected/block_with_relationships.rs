impl Client {
    fn mount(&self) {}
    fn fileserver(&self) -> Object<FileServer> {
        self.fileserver.clone()
    }
    async fn authorities(&self, site: Inject<Site>) -> Result<Vec<AnyObject>> {
        site.authorities().await
    }
}
impl Client {
    ///The handle of the task `mount`.
    #[allow(dead_code)]
    const MOUNT: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "mount",
    );
    ///The handle of the relationship `fileserver_update_files`.
    #[allow(dead_code)]
    const FILESERVER_UPDATE_FILES: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "fileserver_update_files",
    );
    ///The handle of the relationship `authorities_renew`.
    #[allow(dead_code)]
    const AUTHORITIES_RENEW: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "authorities_renew",
    );
    #[doc(hidden)]
    pub const __SETUP_TASKS: &'static [::setup_tasks::__private::TaskDef<Self>] = &[
        ::setup_tasks::__private::relation(
                "fileserver_update_files",
                "Depend on update_files of fileserver",
                ::setup_tasks::__private::Relation::<
                    Self,
                >::called(|this| ::setup_tasks::__private::relatives::<
                        FileServer,
                    >(Self::fileserver(this)))
                    .to("update_files")
                    .ready(),
            )
            .before(&["mount"]),
        ::setup_tasks::__private::relation(
            "authorities_renew",
            "Depend on renew of authorities",
            ::setup_tasks::__private::Relation::<
                Self,
            >::asked(|this, cx| ::setup_tasks::__private::boxed(async move {
                    ::setup_tasks::__private::relatives::<
                        ::setup_tasks::__private::AnyModel,
                    >(
                        Self::authorities(
                                this,
                                ::setup_tasks::__private::extract::<Self, _>(cx).await?,
                            )
                            .await,
                    )
                }))
                .to("renew")
                .by_name(),
        ),
        ::setup_tasks::__private::task(
                "mount",
                "Mount the share",
                |this, _| ::setup_tasks::__private::boxed(
                    ::setup_tasks::__private::ready(
                        ::setup_tasks::__private::outcome(Self::mount(this)),
                    ),
                ),
            )
            .source(17081392208450583647u64),
    ];
}
const _: () = {
    ::setup_tasks::__private::require_model::<Client>();
    ::setup_tasks::__private::require_task::<FileServer>("FileServer", "update_files");
};

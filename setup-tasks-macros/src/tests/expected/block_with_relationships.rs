impl Client {
    fn mount(&self) {}
    fn fileserver(&self) -> Object<FileServer> {
        self.fileserver.clone()
    }
    async fn authorities(&self, site: Inject<Site>) -> Result<Vec<AnyObject>> {
        site.authorities().await
    }
}
const _: () = {
    use ::setup_tasks::__private as rt;
    #[allow(dead_code)]
    impl Client {
        ///The handle of the task `mount`.
        const MOUNT: rt::TaskHandle<Self> = rt::TaskHandle::new("mount");
        ///The handle of the relationship `fileserver_update_files`.
        const FILESERVER_UPDATE_FILES: rt::TaskHandle<Self> = rt::TaskHandle::new(
            "fileserver_update_files",
        );
        ///The handle of the relationship `authorities_renew`.
        const AUTHORITIES_RENEW: rt::TaskHandle<Self> = rt::TaskHandle::new(
            "authorities_renew",
        );
        #[doc(hidden)]
        pub const __SETUP_TASKS: &'static [rt::TaskDef<Self>] = &[
            rt::task("fileserver_update_files", "Depend on update_files of fileserver")
                .method(
                    "update_files",
                    |this| rt::relatives::<FileServer>(Self::fileserver(this)),
                )
                .ready()
                .before(&["mount"]),
            rt::task("authorities_renew", "Depend on renew of authorities")
                .async_method(
                    "renew",
                    |this, cx| rt::boxed(async move {
                        rt::relatives::<
                            rt::AnyModel,
                        >(
                            Self::authorities(this, rt::extract::<Self, _>(cx).await?)
                                .await,
                        )
                    }),
                )
                .by_name(),
            rt::task("mount", "Mount the share")
                .run(|this, _| rt::run_sync(Self::mount(this)))
                .source(9706834109200603045),
        ];
    }
    rt::require_model::<Client>();
    rt::require_task::<FileServer>("FileServer", "update_files");
};

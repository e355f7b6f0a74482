pub trait Guest: ::setup_tasks::__private::Lists<{ Guest.id() }> {
    fn fileserver(&self) -> Option<Object<FileServer>>;
    #[allow(dead_code)]
    ///The handle of the relationship `fileserver_update_files`.
    const FILESERVER_UPDATE_FILES: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "fileserver_update_files",
    );
    #[doc(hidden)]
    const __MIXIN_TASKS: ::setup_tasks::__private::Block<Self> = {
        use ::setup_tasks::__private as rt;
        rt::Block::new(
            rt::module_path!(),
            "Guest",
            &[],
            &[
                &[
                    rt::task(
                            "fileserver_update_files",
                            "Depend on update_files of fileserver",
                        )
                        .method(
                            "update_files",
                            |this| rt::relatives::<
                                FileServer,
                            >(<Self as Guest>::fileserver(this)),
                        ),
                ],
            ],
        )
    };
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals)]
pub const Guest: ::setup_tasks::__private::MixinId = ::setup_tasks::__private::MixinId::new(
    ::setup_tasks::__private::module_path!(),
    "Guest",
    &[],
);
const _: () = {
    ::setup_tasks::__private::require_task::<FileServer>("FileServer", "update_files");
};

pub trait Guest: ::setup_tasks::__private::Lists<{ Guest.id() }> {
    fn fileserver(&self) -> Option<Object<FileServer>>;
    ///The handle of the relationship `fileserver_update_files`.
    #[allow(dead_code)]
    const FILESERVER_UPDATE_FILES: ::setup_tasks::__private::TaskHandle<Self> = ::setup_tasks::__private::TaskHandle::new(
        "fileserver_update_files",
    );
    #[doc(hidden)]
    const __MIXIN_TASKS: ::setup_tasks::__private::Block<Self> = ::setup_tasks::__private::Block::new(
        ::core::module_path!(),
        "Guest",
        &[],
        &[
            &[
                ::setup_tasks::__private::relation(
                    "fileserver_update_files",
                    "Depend on update_files of fileserver",
                    ::setup_tasks::__private::Relation::<
                        Self,
                    >::called(|this| ::setup_tasks::__private::relatives::<
                            FileServer,
                        >(<Self as Guest>::fileserver(this)))
                        .to("update_files"),
                ),
            ],
        ],
    );
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals)]
pub const Guest: ::setup_tasks::__private::MixinId = ::setup_tasks::__private::MixinId::new(
    ::core::module_path!(),
    "Guest",
    &[],
);
const _: () = {
    ::setup_tasks::__private::require_task::<FileServer>("FileServer", "update_files");
};

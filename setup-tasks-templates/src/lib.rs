//! Tera templates as setup tasks: the room for `TemplateTask`, `template!` and `InstallTemplates`.
//!
//! Empty for now. A template task will be a [kind of task](https://docs.rs/setup-tasks) that is a constant of a model's
//! block; it will render a text that is embedded at compile time, over the model's own fields, into the object's
//! `stamp_path`, and run again when its rendering changes.

//! Where things are in a project.

/// The folder with the dashboard, in this repository; in a project of the package it is in `node_modules`.
pub(crate) const DASHBOARD_FOLDER: &str = "build/dashboard";

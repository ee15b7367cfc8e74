// Strings that only frozen code or the build names.

package check

// Catalogue is catalogue.
var Catalogue = catalogue

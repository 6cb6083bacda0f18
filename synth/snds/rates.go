package snds

import "galien/synth/life"

// The rates of care: events per 100,000 person-years by age. They are shapes
// chosen by hand so that files have the proportions of real ones; no figure is
// a statistic.
var (
	consultRate    = life.Gradient{{Age: 0, Rate: 620000}, {Age: 5, Rate: 320000}, {Age: 15, Rate: 250000}, {Age: 40, Rate: 330000}, {Age: 70, Rate: 560000}, {Age: 90, Rate: 700000}}
	stayRate       = life.Gradient{{Age: 0, Rate: 10000}, {Age: 15, Rate: 5000}, {Age: 30, Rate: 11000}, {Age: 60, Rate: 18000}, {Age: 80, Rate: 42000}}
	outpatientRate = life.Gradient{{Age: 0, Rate: 30000}, {Age: 30, Rate: 26000}, {Age: 70, Rate: 42000}}
)

// The planted effects. Myocarditis strikes men aged 12 to 29 at a constant
// rate, five times it on days 1 to 7 after the second dose; meningioma surgery
// strikes women from 18 on, six times as often once exposed.
const (
	myoMen        = 8000 // per 100,000 person-years
	myoOthers     = 80
	myoRatio      = 5
	myoRiskDays   = 7
	meningiomas   = 200 // per 100,000 person-years
	meningiomaHR  = 6
	hormones      = 50  // permille of women of 15 to 59 who are prescribed cyproterone
	phantoms      = 300 // of them: a single dispensing, cancelled
	quietDays     = 8   // after an admission, before another
	onlyUnit      = 6   // percent of myocarditis diagnosed in a unit's summary alone
	onlySecondary = 10
)

// The rates of the traps, in permille of what each rule is about.
const (
	// people
	pairsOfTwins      = 16  // of pairs of persons
	twinsOfOneSex     = 600 // of twins
	spouseRights      = 140 // of women grown up before 2016, until PUMa
	husbandRights     = 40
	twoParents        = 200 // of children
	changeOfScheme    = 18  // of adults: general scheme to MSA
	provisionalNIR    = 12  // of adults born here
	provisionalComing = 400 // of those who arrive
	provisionalLinked = 500 // of them, updated later
	provisionalOnly   = 150 // of them, never replaced
	movedHouse        = 80
	yearUnknown       = 20  // of superseded rows: birth year 1600
	addressMissing    = 7   // of rows
	oldRowsArchived   = 300 // of rows superseded before 2018
	deadRowsArchived  = 300 // of rows of the dead of before 2019
	deathOnlyKI       = 90  // of deaths
	deathOnlyBen      = 150
	deathTwoDates     = 100 // of the dead with an older row
	certificateAlone  = 90  // of deaths known to IR_BEN_R
	fictitiousNIR     = 8   // of persons: one line more, of nobody
	unknownNIR        = 3

	// claims
	lateFlux           = 48 // of bills
	cancelled          = 24 // of bills
	partlyCancelled    = 10 // of pharmacy bills of one box
	wrongCode          = 10
	wrongDate          = 12
	enteredAgain       = 10
	dispensedTwice     = 16
	underNextIdentity  = 80  // of bills of the year before a change of identity
	shortCodePadded    = 400 // of rows of flux years up to 2016
	shortCodeOnly      = 45
	absentFromRef      = 1
	nullQualifiers     = 65  // of ordinary lines
	surcharge          = 100 // of consultations, CPL_MAJ_TOP 2 or 3
	surchargeOfAct     = 100 // of town acts
	participation      = 60  // of consultations, CPL_AFF_COD 16
	participationDrugs = 14  // of pharmacy lines
	forInformation     = 480 // of outpatient visits: DPN_QLF or PRS_DPN_QLP 71
	directBilling      = 300 // of outpatient visits: ETE_IND_TAA 1
	orphanDetail       = 3   // of persons

	// hospitals
	badReturnCode  = 23
	dummyNumber    = 6
	groupingError  = 10
	diagnosisTwice = 30 // of stays with an associated diagnosis
	sameAsMain     = 40
	secondUnit     = 90
	unitDiagnosis  = 400 // of second units: a diagnosis nowhere else
	datesMissing   = 11

	// long-term diseases and vaccines
	startCorrected   = 60
	openEnd          = 180 // of diseases without renewal yet: end 2099
	openEndReplaced  = 450 // of these
	renewalStartsNew = 300 // of renewals: the start is the end before
	numberWrong      = 120 // of rows
	notLongTerm      = 40  // of persons of 20 to 65: an accident at work, an invalidity
	injectionTwice   = 8
)

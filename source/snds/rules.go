package snds

import (
	"slices"
	"strings"

	"galien"
)

// Rule is one named cleaning rule.
type Rule struct {
	ID string `json:"id"`
	// French and English say in one sentence what the rule does.
	French  string `json:"fr"`
	English string `json:"en"`
	// Source is where the rule comes from.
	Source string `json:"source"`
	// Fixed rules cannot be switched off: they are how the files are read, or
	// count what is kept.
	Fixed bool `json:"fixed"`
}

const (
	fromGuide   = "documentation du SNDS (documentation-snds.health-data-hub.fr), telle que la lit snds-truth"
	fromFilters = "documentation du SNDS (documentation-snds.health-data-hub.fr), filtres recommandés"
	fromSchema  = "schema-snds (Health Data Hub)"
	fromTools   = "sndsTools, programmes partagés des utilisateurs du SNDS"
	fromTruth   = "lecture de Galien, éprouvée sur snds-truth"
)

// rules are sorted by id.
var rules = []Rule{
	{"A01", "L'historique d'une ALD est celui des insertions : la dernière ligne fait foi.", "The history of a long-term disease is that of its insertions: the last row counts.", fromGuide, false},
	{"A02", "Une fin au 31/12/2099 remplacée plus tard par une vraie fin n'est pas la fin.", "An end in 2099 that a later row replaces is not the end.", fromGuide, false},
	{"A03", "Un autre début que celui d'avant, hors renouvellement, corrige le début.", "A beginning that is neither the one before nor a renewal corrects the beginning.", fromTruth, false},
	{"A04", "Une fin au 31/12/2099 jamais remplacée : la maladie court encore.", "An end in 2099 that nothing replaced: the disease goes on.", fromGuide, true},
	{"A05", "Une ligne qui commence à la fin de la précédente la renouvelle : le début reste le premier.", "A row that begins at the end of the one before renews it: the first beginning stays.", fromTruth, false},
	{"A06", "Le numéro d'ALD (IMB_ALD_NUM) n'est pas fiable : le code CIM-10 fait foi.", "The number of a long-term disease is unreliable: the CIM-10 code counts.", fromGuide, true},
	{"A07", "Seuls les motifs d'exonération 41, 43 et 45 sont des ALD.", "Only the motives of exemption 41, 43 and 45 are long-term diseases.", fromGuide, false},
	{"C01", "BEN_CMU_TOP ou PAT_CMU à 1 : complémentaire de la CMU-C (C2S depuis novembre 2019), une observation par année de soins.", "BEN_CMU_TOP or PAT_CMU 1: complementary coverage of the CMU-C (C2S since November 2019), one observation per year of care.", fromSchema, true},
	{"D01", "Un mois de flux dit quand la ligne est arrivée, jamais quand le soin a eu lieu.", "A flux month says when a line arrived, never when the care took place.", fromGuide, true},
	{"D02", "Une annulation complète (ligne négative, même flux ou plus tard) efface le soin.", "A full cancellation (a negative line, in the same flux or later) undoes the care.", fromGuide, false},
	{"D03", "Une annulation partielle réduit la quantité.", "A partial cancellation reduces the quantity.", fromGuide, false},
	{"D04", "Un code corrigé : le mauvais code est annulé, le bon reste.", "A corrected code: the wrong one is cancelled, the right one stays.", fromGuide, false},
	{"D05", "Une date corrigée : la mauvaise date est annulée, la bonne reste.", "A corrected date: the wrong one is cancelled, the right one stays.", fromGuide, false},
	{"D06", "Une annulation sous un autre numéro de la même personne compte aussi.", "A cancellation under another number of the same person counts too.", fromTruth, false},
	{"D07", "Annulé puis saisi de nouveau à l'identique : il en reste un.", "Cancelled, then entered again: one remains.", fromGuide, false},
	{"D08", "Un CIP7 précédé de zéros dans PHA_PRS_C13 est traduit en CIP13.", "A CIP7 after zeros in PHA_PRS_C13 is translated to CIP13.", fromGuide, false},
	{"D09", "Quand seul PHA_PRS_IDE (CIP7) est rempli, il est traduit en CIP13.", "Where only PHA_PRS_IDE (CIP7) is filled, it is translated to CIP13.", fromGuide, false},
	{"D10", "Un médicament absent de IR_PHA_R est gardé, sans classe ATC.", "A drug that IR_PHA_R lacks is kept, without an ATC class.", fromGuide, true},
	{"D11", "Deux délivrances identiques le même jour sont deux.", "Two identical dispensings on one day are two.", fromGuide, false},
	{"D12", "Un qualificatif vide (DPN_QLF, PRS_DPN_QLP, CPL_MAJ_TOP, CPL_AFF_COD) ne retire rien.", "A qualifier that is null removes nothing.", fromGuide, false},
	{"D13", "Une ligne de prestation a plusieurs lignes de détail : chaque détail est lu à part, par les neuf clés.", "A line of claim has several details: each is read apart, by the nine keys.", fromGuide, true},
	{"D14", "DPN_QLF ou PRS_DPN_QLP à 71 : soins externes publics pour information, retirés (le PMSI fait foi).", "DPN_QLF or PRS_DPN_QLP 71: public outpatient care for information, removed (the PMSI counts).", fromGuide, false},
	{"D15", "CPL_MAJ_TOP à 2 ou plus : une majoration qui répète l'acte, retirée.", "CPL_MAJ_TOP 2 or more: a supplement that repeats the act, removed.", fromGuide, false},
	{"D16", "CPL_AFF_COD à 16 : une participation qui répète la ligne, retirée.", "CPL_AFF_COD 16: a contribution that repeats the line, removed.", fromGuide, false},
	{"D17", "Le séjour d'une clinique privée et ses actes, facturés aussi dans le DCIR, sont ceux du PMSI.", "A private clinic's stay and acts, billed in the DCIR too, are those of the PMSI.", fromTruth, false},
	{"D18", "ETE_IND_TAA à 1 : soins externes publics facturés directement, retirés.", "ETE_IND_TAA 1: public outpatient care billed directly, removed.", fromGuide, false},
	{"D19", "Un détail dont la ligne de prestation manque va en quarantaine.", "A detail whose line of claim is missing goes to the quarantine.", fromTruth, true},
	{"E01", "Partie de D02 : femmes dont la seule cyprotérone a été annulée.", "A part of D02: women whose only cyproterone was cancelled.", fromTruth, true},
	{"F01", "Le montant d'une majoration, d'une participation ou d'une ligne sans détail va à l'acte de mêmes personne, jour, code et professionnels, ou à la consultation du jour ; sans l'un ni l'autre il est écarté.", "The amount of a supplement, a contribution or a line without a detail goes to the act of the same person, day, code and professionals, or to that day's visit; without either it is left out.", fromTruth, true},
	{"F02", "MCO : un séjour ou un acte externe qui n'est pas valorisé (VALO à 0) n'a pas de coût.", "MCO: a stay or outpatient care that is not valued (VALO 0) has no cost.", fromGuide, false},
	{"H01", "HAD : une sous-séquence au GHT 99 (groupage en erreur) est écartée.", "HAD: a sub-sequence of GHT 99 (grouping error) is dropped.", fromFilters, false},
	{"K01", "Un certificat de décès sans BEN_IDT_ANO ne peut pas être relié.", "A death certificate without BEN_IDT_ANO cannot be linked.", fromGuide, true},
	{"M01", "Un code retour de chaînage autre que 0 écarte le séjour.", "A return code of the linkage other than 0 drops the stay.", fromGuide, false},
	{"M02", "Un NIR_ANO_17 fictif (seize x puis x ou D) n'est personne.", "A dummy NIR_ANO_17 (sixteen x, then x or D) is nobody.", fromTools, false},
	{"M03", "Un GHM en 90 (groupage en erreur) écarte le séjour.", "A GHM that begins with 90 (grouping error) drops the stay.", fromGuide, false},
	{"M04", "Jusqu'en 2017, les séjours AP-HP, AP-HM et HCL remis aussi sous un FINESS géographique ne comptent qu'une fois.", "Up to 2017, stays of AP-HP, AP-HM and HCL delivered again under a geographic FINESS count once.", fromTools, false},
	{"M05", "Un diagnostic associé répété compte une fois.", "A repeated associated diagnosis counts once.", fromGuide, false},
	{"M06", "Un diagnostic associé égal au principal ou au relié reste celui-là.", "An associated diagnosis equal to the main or related one stays that one.", fromGuide, false},
	{"M07", "Les diagnostics des unités (T_MCOaaUM) sont des diagnostics associés du séjour.", "Diagnoses of the units (T_MCOaaUM) are associated diagnoses of the stay.", fromGuide, false},
	{"M08", "EXE_SOI_DTD ou EXE_SOI_DTF vide : ENT_DAT et SOR_DAT sont pris.", "EXE_SOI_DTD or EXE_SOI_DTF empty: ENT_DAT and SOR_DAT are taken.", fromGuide, false},
	{"M09", "Un NIR_ANO_17 de jumeaux de même sexe n'est attribué à personne : quarantaine.", "A NIR_ANO_17 of twins of the same sex is given to nobody: quarantine.", fromGuide, false},
	{"M10", "Les colonnes renommées selon l'année sont lues sous leurs deux noms.", "Columns renamed over the years are read under both names.", fromSchema, true},
	{"M11", "PMSI : une ligne dont le séjour manque à la table de chaînage (C, CSTC) va en quarantaine.", "PMSI: a row whose stay the linkage table (C, CSTC) lacks goes to the quarantine.", fromTruth, true},
	{"P01", "Plusieurs BEN_NIR_PSA d'une personne sont réunis par BEN_NIR_ANO.", "Several BEN_NIR_PSA of a person are united by BEN_NIR_ANO.", fromGuide, false},
	{"P02", "Un BEN_NIR_PSA avec deux rangs et un seul BEN_NIR_ANO est une personne.", "A BEN_NIR_PSA with two ranks and one BEN_NIR_ANO is one person.", fromGuide, false},
	{"P03", "Des jumeaux de même sexe partagent un BEN_NIR_PSA : le rang les distingue.", "Twins of the same sex share a BEN_NIR_PSA: the rank tells them apart.", fromGuide, false},
	{"P04", "Un NIR provisoire jamais relié reste une personne à part.", "A provisional number that was never linked stays a person of its own.", fromGuide, true},
	{"P05", "Les lignes d'un NIR fictif (BEN_CDI_NIR 08, RGM_COD 888) ne sont à personne.", "Lines of a fictitious number (BEN_CDI_NIR 08, RGM_COD 888) belong to nobody.", fromGuide, false},
	{"P06", "Un BEN_NIR_PSA d'aucun référentiel va en quarantaine et ne crée personne.", "A BEN_NIR_PSA of no referential goes to the quarantine and makes no person.", fromTruth, false},
	{"P07", "Un décès au 01/01/1600 veut dire aucun décès connu.", "A death on 1600-01-01 means that none is known.", fromGuide, false},
	{"P08", "Une naissance en 1600 n'est pas une année : une autre ligne est prise.", "A birth in 1600 is no year: another row is taken.", fromGuide, false},
	{"P09", "Sans commune, le département est celui de l'organisme (ORG_AFF_BEN).", "Without a commune, the department is that of the fund (ORG_AFF_BEN).", fromGuide, false},
	{"P10", "La Corse et l'outre-mer sont traduites selon le régime.", "Corsica and overseas are translated according to the scheme.", fromGuide, false},
	{"P11", "Un décès connu du seul certificat (KI_CCI_R) est gardé.", "A death known from the certificate alone (KI_CCI_R) is kept.", fromGuide, false},
	{"P12", "De deux dates de décès, celle de la ligne mise à jour en dernier est gardée.", "Of two dates of death, that of the row updated last is kept.", fromTruth, false},
	{"P13", "Sans BEN_NIR_ANO, la personne est BEN_NIR_PSA et BEN_RNG_GEM.", "Without BEN_NIR_ANO, the person is BEN_NIR_PSA and BEN_RNG_GEM.", fromGuide, true},
	{"P14", "Les identités archivées (IR_BEN_R_ARC) sont lues comme les autres.", "Archived identities (IR_BEN_R_ARC) are read like the others.", fromGuide, false},
	{"P15", "Les personnes que P03, P04 et M09 laissent dans le doute sont marquées (observation DOUBT), et restent.", "Persons whom P03, P04 and M09 leave in doubt are marked (observation DOUBT), and stay.", fromTruth, true},
	{"R01", "SSR : une semaine (RHA) dont le GME commence par 90 (groupage en erreur) est écartée.", "SSR: a week (RHA) whose GME begins with 90 (grouping error) is dropped.", fromFilters, false},
	{"R02", "SSR : une semaine générée pour la facturation (TYP_GEN_RHA autre que 0 ou 4) est écartée.", "SSR: a week made for billing (TYP_GEN_RHA other than 0 or 4) is dropped.", fromFilters, false},
	{"R03", "SSR : une semaine de l'année précédente (MOI_ANN), répétée tant que le séjour dure, est écartée.", "SSR: a week of the year before (MOI_ANN), repeated while the stay goes on, is dropped.", fromFilters, false},
	{"S01", "SSR, HAD, RIM-P : un séjour que plusieurs années racontent est un seul séjour (personne, établissement, entrée, genre).", "SSR, HAD, RIM-P: a stay that several years tell of is one stay (person, establishment, entry, kind).", fromFilters, false},
	{"S02", "SSR, HAD, RIM-P : un séjour en cours finit au dernier jour que ses résumés couvrent.", "SSR, HAD, RIM-P: a stay that goes on ends on the last day that its summaries cover.", fromTruth, true},
	{"S03", "SSR, HAD, RIM-P : un diagnostic répété de résumé en résumé compte une fois, à son premier jour.", "SSR, HAD, RIM-P: a diagnosis that summary after summary repeats counts once, on its first day.", fromTruth, false},
	{"V01", "Une injection en double exact compte une fois.", "An injection that is there twice counts once.", fromGuide, false},
	{"Y01", "RIM-P : une séquence de sortie d'essai (SEQ_IND à E) n'est pas une hospitalisation.", "RIM-P: a sequence of trial leave (SEQ_IND E) is no hospital care.", fromFilters, false},
	{"Y02", "RIM-P : une séquence générée pour la facturation (TYP_GEN_RSA autre que 0) est écartée.", "RIM-P: a sequence made for billing (TYP_GEN_RSA other than 0) is dropped.", fromFilters, false},
}

// Rules returns every cleaning rule, sorted by id.
func Rules() []Rule { return slices.Clone(rules) }

func ruleOf(id string) (Rule, bool) {
	i, ok := slices.BinarySearchFunc(rules, id, func(r Rule, id string) int { return strings.Compare(r.ID, id) })
	if !ok {
		return Rule{}, false
	}
	return rules[i], true
}

// checkWithout returns the rules to switch off, sorted, each once.
func checkWithout(ids []string) ([]string, error) {
	var off []string
	for _, id := range ids {
		id = strings.ToUpper(strings.TrimSpace(id))
		r, ok := ruleOf(id)
		switch {
		case !ok:
			return nil, galien.Errorf(galien.Invalid, "switch off rules: %q is no rule; galien source rules snds lists them", id)
		case r.Fixed:
			return nil, galien.Errorf(galien.Invalid, "switch off rules: %s cannot be switched off: it is how the files are read", id)
		}
		off = append(off, id)
	}
	slices.Sort(off)
	return slices.Compact(off), nil
}

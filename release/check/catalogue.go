package check

// Check is one entry of the catalogue.
type Check struct {
	ID       string
	Severity Severity
	// EN and FR say in one sentence what is wrong and what to do.
	EN, FR string
	// Source is the key of the guidance that the check follows (docs/airlock.md).
	Source string
}

// Lookup returns a check by its id.
func Lookup(id string) (Check, bool) {
	c, ok := byID[id]
	return c, ok
}

var byID = func() map[string]Check {
	m := map[string]Check{}
	for _, c := range catalogue {
		m[c.ID] = c
	}
	return m
}()

// catalogue has every check, in the order in which they are documented.
var catalogue = []Check{
	// counts
	{"rounding-stated", Refuse, "Neither the permit nor the manifest says how counts are rounded: write rounding: 5 (or another base), or rounding: exact.", "Ni l'autorisation ni le manifeste ne disent comment les effectifs sont arrondis : écrire rounding: 5 (ou une autre base), ou rounding: exact.", "opensafely"},
	{"rounding-rule", Refuse, "The permit asks for counts rounded to another base than the manifest declares.", "L'autorisation demande un arrondi à une autre base que celle que le manifeste déclare.", "opensafely"},
	{"rounding-exact", Look, "The counts are declared exact: see that nothing else that left differs from them by a few persons.", "Les effectifs sont déclarés exacts : vérifier que rien d'autre qui est sorti n'en diffère de quelques personnes.", "essnet"},
	{"count-unrounded", Refuse, "A count is not a multiple of the declared base: round every count before anything is computed from it.", "Un effectif n'est pas un multiple de la base déclarée : arrondir chaque effectif avant tout calcul.", "opensafely"},
	{"count-negative", Look, "A count is negative.", "Un effectif est négatif.", "sacro"},
	{"derived-unrounded", Refuse, "A percentage, proportion or rate does not come from rounded numbers, and gives the exact count back: compute it after rounding, with fewer decimals.", "Un pourcentage, une proportion ou un taux ne vient pas de nombres arrondis et redonne l'effectif exact : le calculer après l'arrondi, avec moins de décimales.", "opensafely"},
	{"mean-total", Refuse, "A mean has so many decimals that it gives the exact total of its persons back: show fewer.", "Une moyenne a tant de décimales qu'elle redonne le total exact de ses personnes : en montrer moins.", "sdc-handbook"},
	{"text-unrounded", Refuse, "The text or a label gives a number of persons that is not a multiple of the declared base.", "Le texte ou une étiquette donne un nombre de personnes qui n'est pas un multiple de la base déclarée.", "opensafely"},
	{"text-small", Refuse, "The text or a label gives a number of persons under the threshold.", "Le texte ou une étiquette donne un nombre de personnes sous le seuil.", "opensafely"},
	{"text-numbers", Look, "The text holds columns of numbers that were not looked at as a table: send them as CSV.", "Le texte contient des colonnes de nombres qui n'ont pas été vues comme un tableau : les envoyer en CSV.", "opensafely"},
	{"table-missing", Refuse, "The output is said to be numbers, and no table was found in it: send it as CSV, or as a table of a page or a workbook.", "La sortie est dite faite de nombres et aucun tableau n'y a été trouvé : l'envoyer en CSV, ou comme tableau d'une page ou d'un classeur.", "galien"},
	{"count-small", Refuse, "A count is under the threshold, zero included: withhold it, or join categories.", "Un effectif est sous le seuil, zéro compris : le retenir, ou réunir des catégories.", "essnet"},
	{"count-complement", Refuse, "All of a population are counted, or fewer than the threshold are not: withhold the row, or join categories.", "Toute une population est comptée, ou moins de personnes que le seuil ne le sont pas : retenir la ligne, ou réunir des catégories.", "essnet"},
	{"derived-small", Refuse, "A percentage, proportion or rate gives back a count under the threshold.", "Un pourcentage, une proportion ou un taux redonne un effectif sous le seuil.", "essnet"},
	{"remainder-small", Refuse, "A total exceeds the sum of its categories by less than the threshold: a category that is not shown can be computed.", "Un total dépasse la somme de ses catégories de moins que le seuil : une catégorie absente peut être calculée.", "essnet"},
	{"difference-small", Refuse, "Two outputs with the same categories differ by fewer persons than the threshold: the difference is a small count.", "Deux sorties aux mêmes catégories diffèrent de moins de personnes que le seuil : la différence est un petit effectif.", "opensafely"},
	// withheld
	{"withheld-bounded", Refuse, "A withheld cell can be computed, or bounded more tightly than the threshold, from what is shown: withhold more, or round.", "Une cellule retenue peut être calculée, ou encadrée plus étroitement que le seuil, par ce qui est montré : en retenir plus, ou arrondir.", "essnet"},
	{"withheld-many", Look, "So many withheld cells hang together that the machine did not try whether they can be bounded.", "Tant de cellules retenues sont liées que la machine n'a pas essayé de les encadrer.", "galien"},
	{"withheld-partly", Refuse, "A count is withheld and a number made from it is not: withhold the row whole.", "Un effectif est retenu et un nombre qui en vient ne l'est pas : retenir la ligne entière.", "essnet"},
	{"withheld-elsewhere", Refuse, "A cell that is withheld here is shown in another output of the group.", "Une cellule retenue ici est montrée dans une autre sortie du groupe.", "opensafely"},
	{"withheld-narrow", Refuse, "What stands for a withheld count says that it is in a range narrower than the threshold: write withheld, or <11 where 11 is the threshold.", "Ce qui remplace un effectif retenu dit qu'il est dans un intervalle plus étroit que le seuil : écrire withheld, ou <11 si le seuil est 11.", "galien"},
	{"withheld-blank", Look, "A number is missing and nothing says why: write withheld where it is withheld.", "Un nombre manque et rien ne dit pourquoi : écrire withheld où il est retenu.", "opensafely"},
	// what left before
	{"released-difference", Refuse, "A number differs by fewer persons than the threshold from the one that left before under the same name, of the same cohort: give the earlier number, withhold the row, or round.", "Un nombre diffère de moins de personnes que le seuil de celui qui est déjà sorti sous le même nom, pour la même cohorte : redonner le nombre antérieur, retenir la ligne, ou arrondir.", "essnet"},
	{"released-similar", Look, "A number differs by fewer persons than the threshold from one that left before under the same name, of the same permit or population: see that they are not the same persons but for a few.", "Un nombre diffère de moins de personnes que le seuil d'un nombre déjà sorti sous le même nom, pour la même autorisation ou population : vérifier que ce ne sont pas les mêmes personnes à quelques-unes près.", "essnet"},
	{"released-withheld", Look, "A cell that is withheld here left before under the same name, of the same cohort, or the other way round: see that the two together do not give a withheld number back.", "Une cellule retenue ici est déjà sortie sous le même nom, pour la même cohorte, ou l'inverse : vérifier que les deux ensemble ne redonnent pas un nombre retenu.", "essnet"},
	{"scorecard-leaks", Refuse, "The attacks of the scorecard get withheld numbers back: withhold more rows, or join categories.", "Les attaques de l'épreuve font revenir des nombres retenus : retenir plus de lignes, ou réunir des catégories.", "galien"},
	// context
	{"context-group", Refuse, "The manifest does not say enough of the group: title, description, population, cohort, recipient and persons are all needed.", "Le manifeste ne dit pas assez du groupe : title, description, population, cohort, recipient et persons sont tous nécessaires.", "opensafely"},
	{"context-output", Refuse, "An output lacks its title, description or kind.", "Il manque à une sortie son titre, sa description ou son genre.", "opensafely"},
	{"context-placeholder", Refuse, "A title, description or label says nothing: it is a placeholder, or repeats a name.", "Un titre, une description ou un libellé ne dit rien : c'est un texte d'attente, ou il répète un nom.", "opensafely"},
	{"context-files", Refuse, "The manifest and the folder do not hold the same files.", "Le manifeste et le dossier ne contiennent pas les mêmes fichiers.", "opensafely"},
	{"context-columns", Refuse, "A column of a table is not described in the manifest, or has no label or role there.", "Une colonne d'un tableau n'est pas décrite dans le manifeste, ou n'y a ni libellé ni rôle.", "opensafely"},
	{"context-names", Refuse, "A column has a name that says nothing (V1, X, Unnamed): give it one that a reviewer understands.", "Une colonne a un nom qui ne dit rien (V1, X, Unnamed) : lui en donner un qu'un relecteur comprenne.", "opensafely"},
	{"context-units", Refuse, "A measure has no unit.", "Une mesure n'a pas d'unité.", "sdc-handbook"},
	{"context-codes", Refuse, "Categories are codes that the manifest does not explain: give their values.", "Des catégories sont des codes que le manifeste n'explique pas : donner leurs valeurs (values).", "opensafely"},
	{"context-code", Refuse, "Nothing in the group is the code that made this output: name it with made_by, and submit it with the rest.", "Rien dans le groupe n'est le code qui a fait cette sortie : le nommer par made_by et le soumettre avec le reste.", "opensafely"},
	{"context-related", Refuse, "Several outputs show numbers, and related does not say how they are related.", "Plusieurs sorties montrent des nombres et related ne dit pas quel est leur lien.", "opensafely"},
	{"context-changes", Refuse, "This is another version of the group, and changes does not say what changed.", "C'est une autre version du groupe et changes ne dit pas ce qui a changé.", "opensafely"},
	{"role-doubt", Look, "A column has a name or values that are not those of its declared role.", "Une colonne a un nom ou des valeurs qui ne sont pas ceux du rôle déclaré.", "galien"},
	// underlying numbers
	{"figure-data", Refuse, "The numbers that a figure shows are not in the group as a table: name them with data.", "Les nombres qu'une figure montre ne sont pas dans le groupe sous forme de tableau : les nommer par data.", "opensafely"},
	{"underlying-count", Refuse, "A mean, a quantile or another summary does not say of how many persons it is.", "Une moyenne, un quantile ou un autre résumé ne dit pas sur combien de personnes il porte.", "opensafely"},
	{"denominator", Refuse, "A percentage, proportion or rate has no denominator.", "Un pourcentage, une proportion ou un taux n'a pas de dénominateur.", "opensafely"},
	{"regression-numbers", Refuse, "A regression does not say how many persons and parameters it has (model: observations, parameters).", "Une régression ne dit pas combien de personnes et de paramètres elle a (model: observations, parameters).", "opensafely"},
	{"survival-numbers", Refuse, "A survival curve comes without the persons at risk.", "Une courbe de survie vient sans les personnes à risque.", "sacro"},
	{"declared", Refuse, "The file is not what disclosure control lets leave of the declared output that it names: submit what galien disclosure check prints.", "Le fichier n'est pas ce que le contrôle de divulgation laisse sortir de la sortie déclarée qu'il nomme : soumettre ce qu'écrit galien disclosure check.", "galien"},
	// models and extremes
	{"regression-freedom", Refuse, "A regression leaves fewer than 10 residual degrees of freedom, or fits its data exactly.", "Une régression laisse moins de 10 degrés de liberté résiduels, ou suit exactement ses données.", "sacro"},
	{"regression-separation", Look, "An estimate or its error is so large that a cell behind it is probably empty.", "Une estimation ou son erreur est si grande qu'une case derrière elle est sans doute vide.", "sdc-handbook"},
	{"residuals", Refuse, "Residuals and fitted values are values of single persons.", "Les résidus et les valeurs prédites sont des valeurs de personnes.", "sdc-handbook"},
	{"extreme", Refuse, "A minimum, a maximum or the end of a distribution is a value of one person.", "Un minimum, un maximum ou le bout d'une distribution est la valeur d'une personne.", "essnet"},
	{"quantile-small", Refuse, "Fewer persons than the threshold lie beyond a quantile.", "Moins de personnes que le seuil sont au-delà d'un quantile.", "essnet"},
	{"survival-steps", Refuse, "A step of a survival curve gives back fewer events than the threshold: use longer steps or fewer decimals.", "Une marche d'une courbe de survie redonne moins d'événements que le seuil : allonger les pas ou réduire les décimales.", "sdc-handbook"},
	// persons
	{"person-number", Refuse, "A number has the form and the key of a social security number (NIR, INS).", "Un nombre a la forme et la clé d'un numéro de sécurité sociale (NIR, INS).", "five-safes"},
	{"person-contact", Refuse, "There is what looks like a telephone number, an e-mail address or a postal address.", "Il y a ce qui ressemble à un numéro de téléphone, une adresse électronique ou une adresse postale.", "five-safes"},
	{"person-columns", Refuse, "A column looks like an identifier, a name or a date of birth of persons.", "Une colonne ressemble à un identifiant, un nom ou une date de naissance de personnes.", "five-safes"},
	{"person-rows", Refuse, "The table looks like one row for each person.", "Le tableau semble avoir une ligne par personne.", "five-safes"},
	{"rows-many", Look, "The table has more than 500 rows or 50 columns: see whether all are needed.", "Le tableau a plus de 500 lignes ou 50 colonnes : voir si toutes sont utiles.", "opensafely"},
	// files
	{"file-type", Refuse, "This kind of file cannot be reviewed. Send CSV, TSV, XLSX, JSON, HTML, Markdown or text, PNG, JPEG or SVG, and code as text.", "Ce genre de fichier ne peut pas être relu. Envoyer du CSV, TSV, XLSX, JSON, HTML, Markdown ou texte, PNG, JPEG ou SVG, et le code en texte.", "opensafely"},
	{"file-name", Refuse, "The content of a file is not what its name says.", "Le contenu d'un fichier n'est pas ce que dit son nom.", "opensafely"},
	{"file-size", Refuse, "A file is too large to be reviewed (10 MiB, 5,000 rows, 200 columns, 32,000 characters in a cell).", "Un fichier est trop grand pour être relu (10 Mio, 5 000 lignes, 200 colonnes, 32 000 caractères par cellule).", "opensafely"},
	{"file-read", Refuse, "The file cannot be read whole: it is damaged, or its lines do not have the same number of cells.", "Le fichier ne peut pas être lu en entier : il est abîmé, ou ses lignes n'ont pas le même nombre de cellules.", "galien"},
	{"file-text", Refuse, "The text is not plain UTF-8, or holds characters that cannot be seen: save it as UTF-8.", "Le texte n'est pas de l'UTF-8 simple, ou contient des caractères invisibles : l'enregistrer en UTF-8.", "galien"},
	{"formula", Refuse, "A cell holds a formula: keep its value alone.", "Une cellule contient une formule : n'en garder que la valeur.", "opensafely"},
	{"hidden-cells", Refuse, "A sheet, row, column or cell is hidden, or a format shows something other than the value that is kept.", "Une feuille, une ligne, une colonne ou une cellule est cachée, ou un format montre autre chose que la valeur gardée.", "opensafely"},
	{"workbook-parts", Refuse, "The workbook holds more than cells: macros, links, comments, charts, pivot caches, objects. Save the values into a new one.", "Le classeur contient plus que des cellules : macros, liens, commentaires, graphiques, caches, objets. Enregistrer les valeurs dans un nouveau classeur.", "opensafely"},
	{"workbook-leftover", Refuse, "The workbook keeps texts that no cell shows: save the values into a new one.", "Le classeur garde des textes qu'aucune cellule ne montre : enregistrer les valeurs dans un nouveau classeur.", "galien"},
	{"metadata", Refuse, "The file keeps properties (author, software, place, comments): remove them.", "Le fichier garde des propriétés (auteur, logiciel, lieu, commentaires) : les retirer.", "five-safes"},
	{"active-markup", Refuse, "The page or drawing holds scripts, forms, frames or files, or fetches something: keep text, tables and shapes alone.", "La page ou le dessin contient des scripts, formulaires, cadres ou fichiers, ou va chercher quelque chose : ne garder que textes, tableaux et formes.", "opensafely"},
	{"hidden-markup", Refuse, "The page or drawing holds what is not seen: hidden or transparent text, comments, tooltips, data attributes.", "La page ou le dessin contient ce qui ne se voit pas : texte caché ou transparent, commentaires, infobulles, attributs de données.", "opensafely"},
	{"marks-many", Look, "The drawing has so many marks that each may be a person.", "Le dessin a tant de marques que chacune peut être une personne.", "opensafely"},
	{"log-text", Look, "The text looks like a log or the printing of a program: see that no row of data is in it.", "Le texte ressemble à un journal ou à l'impression d'un programme : voir qu'aucune ligne de données n'y est.", "opensafely"},
}

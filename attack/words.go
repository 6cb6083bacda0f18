package attack

// words are what the page says, by language and key. A test holds that both
// languages have the same keys.
var words = map[Language]map[string]string{
	English: {
		"title": "Attack scorecard", "permit": "permit", "other": "Version française",
		"extract": "An extract", "release": "A released table", "endpoint": "The counts of the hub",
		"worst":          "The attack that gained most:",
		"nothing gained": "No attack gained anything that its control does not.",
		"attacks":        "What was tried",
		"caption":        "Successes of attempts, with 95 % intervals. Risk is what the attack gains over the control, as a share of what the control leaves.",
		"attack":         "Attack", "successes": "Attack", "control": "Control", "guesser": "Guesser", "risk": "Risk", "verdict": "Verdict",
		"by": "With", "attributes": "attributes at a time.", "on": "On:", "computed": "computed, not guessed:", "questions": "questions", "median": "median per target", "refused": "not answered with a number",
		"measures":   "How alike the persons are",
		"prosecutor": "Prosecutor risk", "journalist": "Journalist risk", "marketer": "Marketer risk", "k": "Smallest class (k)",
		"average": "on average", "at most": "at most", "own population": "no larger population is known: the same as the prosecutor's",
		"unique": "of persons are alone in theirs", "small": "are in one under", "alike": "persons in classes where all have one value",
		"limits": "What this does not show", "provenance": "Provenance", "snapshot": "Snapshot", "attacked": "Attacked", "known": "Supposed known",
		"run": "Run", "seed": "seed", "targets": "targets at most", "threshold": "threshold",

		string(NoGain): "No gain over the control.", string(Weak): "A small gain.", string(Clear): "A clear gain.",
		string(Strong): "A strong gain: who is in it can be found.", string(NotTried): "Not tried:",
		string(FewColumns): "too few attributes are known.", string(FewPersons): "too few persons.", string(NoSecret): "there is no secret to guess.",
		string(NoTarget): "nobody is alone in what is known of them.", string(NothingHid): "nothing is withheld.",

		SinglingOutName:            "Singling out",
		SinglingOutName + " tried": "Find a description that fits exactly one person. Control: the same description, among persons who were not given.",
		LinkageName:                "Linkage",
		LinkageName + " tried":     "Two sources know different things of a person: join them through one row. Control: joins, all wrong, of persons who were not given.",
		InferenceName:              "Inference",
		InferenceName + " tried":   "Guess a secret from the persons most alike. Control: the same for persons who were not given.",

		"extract limits": "The rows were split in two at random: one half was given to the attacker, the other is the control. In a half, persons are fewer and easier to tell apart than in the whole, so risks are overstated rather than understated; the measures are of the whole extract.\nThe control comes from the same cohort: what the cohort itself says of all its members is not counted as a risk.",
		"all limits":     "An attack that failed here is one attack that failed: others, and readers who know more, are not excluded.",
	},
	French: {
		"title": "Épreuve d’attaques", "permit": "autorisation", "other": "English version",
		"extract": "Une extraction", "release": "Un tableau publié", "endpoint": "Les décomptes de l’entrepôt",
		"worst":          "L’attaque qui a le plus gagné :",
		"nothing gained": "Aucune attaque n’a rien gagné que son témoin ne gagne aussi.",
		"attacks":        "Ce qui a été tenté",
		"caption":        "Réussites sur tentatives, avec intervalles à 95 %. Le risque est ce que l’attaque gagne sur le témoin, en part de ce que le témoin laisse à gagner.",
		"attack":         "Attaque", "successes": "Attaque", "control": "Témoin", "guesser": "Hasard", "risk": "Risque", "verdict": "Verdict",
		"by": "Avec", "attributes": "attributs à la fois.", "on": "Sur :", "computed": "calculées, non devinées :", "questions": "questions", "median": "médiane par cible", "refused": "sans réponse chiffrée",
		"measures":   "À quel point les personnes se ressemblent",
		"prosecutor": "Risque du procureur", "journalist": "Risque du journaliste", "marketer": "Risque du démarcheur", "k": "Plus petite classe (k)",
		"average": "en moyenne", "at most": "au plus", "own population": "aucune population plus large n’est connue : le même que celui du procureur",
		"unique": "des personnes sont seules dans la leur", "small": "sont dans une classe de moins de", "alike": "personnes dans des classes où toutes ont une seule valeur",
		"limits": "Ce que cette page ne montre pas", "provenance": "Provenance", "snapshot": "Instantané", "attacked": "Attaqué", "known": "Supposé connu",
		"run": "Épreuve", "seed": "graine", "targets": "cibles au plus", "threshold": "seuil",

		string(NoGain): "Aucun gain sur le témoin.", string(Weak): "Un faible gain.", string(Clear): "Un gain net.",
		string(Strong): "Un gain fort : qui s’y trouve peut être retrouvé.", string(NotTried): "Non tenté :",
		string(FewColumns): "trop peu d’attributs sont connus.", string(FewPersons): "trop peu de personnes.", string(NoSecret): "il n’y a pas de secret à deviner.",
		string(NoTarget): "personne n’est seul dans ce qu’on sait de lui.", string(NothingHid): "rien n’est retenu.",

		SinglingOutName:            "Individualisation",
		SinglingOutName + " tried": "Trouver une description qui convient à une seule personne. Témoin : la même description, parmi des personnes qui n’ont pas été remises.",
		LinkageName:                "Recoupement",
		LinkageName + " tried":     "Deux sources savent des choses différentes d’une personne : les joindre par une ligne. Témoin : les jonctions, toutes fausses, de personnes qui n’ont pas été remises.",
		InferenceName:              "Inférence",
		InferenceName + " tried":   "Deviner un secret d’après les personnes les plus semblables. Témoin : la même chose pour des personnes qui n’ont pas été remises.",

		"extract limits": "Les lignes ont été partagées au hasard : une moitié a été remise à l’attaquant, l’autre est le témoin. Dans une moitié les personnes sont moins nombreuses et se distinguent mieux que dans le tout : les risques sont surestimés plutôt que sous-estimés ; les mesures portent sur l’extraction entière.\nLe témoin vient de la même cohorte : ce que la cohorte dit de tous ses membres n’est pas compté comme un risque.",
		"all limits":     "Une attaque qui échoue ici est une attaque qui a échoué : d’autres, et des lecteurs qui en savent plus, ne sont pas exclus.",
	},
}

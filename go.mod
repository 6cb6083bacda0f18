module galien

go 1.26

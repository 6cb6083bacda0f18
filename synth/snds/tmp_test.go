package snds
import ("testing";"context";"os";"strconv";"time")
func TestTmp(t *testing.T){ n,_:=strconv.Atoi(os.Getenv("N")); y,_:=strconv.Atoi(os.Getenv("Y")); s,_:=strconv.Atoi(os.Getenv("S")); os.RemoveAll(os.Getenv("D")); b:=time.Now(); r,e:=Write(context.Background(),os.Getenv("D"),Config{Persons:n,Years:y,Seed:uint64(s)},nil); if e!=nil{t.Fatal(e)}; d:=time.Since(b); t.Logf("%v persons/s %.0f rows %d MB/s %.1f files %d\n%v\n%v",d,float64(n)/d.Seconds(),r.RawRows(),float64(r.Bytes())/1e6/d.Seconds(),r.Files,r.Rows,r.Stays)}

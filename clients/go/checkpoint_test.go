package tenterhook

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// notes is a checkpoint that notes what is saved, and fails when it is told to.
type notes struct {
	token    string
	saved    []string
	failures int
}

func (n *notes) Load() (string, error) { return n.token, nil }

func (n *notes) Save(token string) error {
	if n.failures > 0 {
		n.failures--
		return fs.ErrPermission
	}
	n.saved = append(n.saved, token)
	return nil
}

func TestAChangeCountsAsHandledWhenTheNextIsAskedFor(t *testing.T) {
	server := newFake(t, []any{change(1), bookmark("b"), change(2), 5 * time.Second})
	watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
	defer watch.Close()
	kept := &notes{}
	watch.Checkpoint = kept
	take(t, watch, "d1")
	if len(kept.saved) != 0 {
		t.Errorf("saved %v too early", kept.saved)
	}
	take(t, watch, "d2")
	if !slices.Equal(kept.saved, []string{"t1", "b"}) {
		t.Error(kept.saved)
	}
}

func TestWhatWasSavedWinsOverWhereTheWatchWouldBegin(t *testing.T) {
	server := newFake(t, []any{change(8), 5 * time.Second}, []any{change(1), 5 * time.Second})
	for _, begun := range []struct{ token, first string }{{"t7", "d8"}, {"", "d1"}} {
		watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
		watch.Checkpoint = &notes{token: begun.token}
		take(t, watch, begun.first)
		watch.Close()
	}
	if got := tokens(server); !slices.Equal(got, []string{"t7", ""}) {
		t.Error(got)
	}
}

func TestASaveThatFailsIsAnErrorAndTriedAgain(t *testing.T) {
	server := newFake(t, []any{change(1), change(2), 5 * time.Second})
	watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
	defer watch.Close()
	kept := &notes{}
	watch.Checkpoint = kept
	take(t, watch, "d1")
	kept.failures = 1
	if _, err := watch.Next(); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	take(t, watch, "d2")
	if !slices.Equal(kept.saved, []string{"t1"}) {
		t.Error(kept.saved)
	}
}

func TestAFileKeepsTheLastToken(t *testing.T) {
	folder := t.TempDir()
	place := filepath.Join(folder, "deliveries.token")
	if token, err := FileCheckpoint(place).Load(); token != "" || err != nil {
		t.Error(token, err)
	}
	for _, token := range []string{"t1", "t2"} {
		if err := FileCheckpoint(place).Save(token); err != nil {
			t.Fatal(err)
		}
	}
	if token, err := FileCheckpoint(place).Load(); token != "t2" || err != nil {
		t.Error(token, err)
	}
	if entries, err := os.ReadDir(folder); len(entries) != 1 || err != nil {
		t.Error(entries, err)
	}
}

func TestAPlaceWhereNothingCanBeWrittenIsFoundAtTheStart(t *testing.T) {
	server := newFake(t)
	watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
	defer watch.Close()
	watch.Checkpoint = FileCheckpoint(filepath.Join(t.TempDir(), "missing", "token"))
	if _, err := watch.Next(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if len(server.seen()) != 0 {
		t.Error("it connected all the same")
	}
}

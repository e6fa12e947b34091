package tenterhook

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// Checkpoint keeps the resume token of a watch over a restart of the program.
//
// A watch loads it before it first connects, and saves it when the program asks for the next change: what was handed
// out before is handled by then. So a change that was in hand at a crash comes again, and none is lost.
type Checkpoint interface {
	// Load returns the token that was saved last; empty if there was none.
	Load() (string, error)
	// Save keeps the token. It must last when this returns.
	Save(token string) error
}

// FileCheckpoint is a checkpoint in the file of that name, for one watch at a time. The file need not exist; its
// folder must. A save is on the disk when it returns, and leaves the old token or the new one whatever happens
// meanwhile; it writes beside the file, to its name and ".new".
func FileCheckpoint(name string) Checkpoint { return &fileCheckpoint{name: name} }

type fileCheckpoint struct {
	name   string
	saving sync.Mutex
}

// Load makes a file that is missing, so that a place where nothing can be written is found at the start.
func (c *fileCheckpoint) Load() (string, error) {
	text, err := os.ReadFile(c.name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", c.Save("")
	}
	return strings.TrimSpace(string(text)), err
}

// Save replaces the file.
func (c *fileCheckpoint) Save(token string) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	fresh := c.name + ".new"
	if err := writeSynced(fresh, token); err != nil {
		return err
	}
	if err := os.Rename(fresh, c.name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(c.name))
}

// writeSynced returns when the text is on the disk.
func writeSynced(name, text string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncFolder puts a new name on the disk too, where folders can be opened.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// kept is what the checkpoint of one watch has.
type kept struct {
	loaded bool
	saved  string
}

// keep saves where the watch stands, for the program has handled what it was handed; at first it loads that.
func (w *Watch) keep() error {
	if w.Checkpoint == nil {
		return nil
	}
	if !w.kept.loaded {
		token, err := w.Checkpoint.Load()
		if err != nil {
			return fmt.Errorf("tenterhook: load the checkpoint: %w", err)
		}
		w.kept = kept{loaded: true, saved: token}
		if token != "" {
			w.resumeAfter(token)
		}
	}
	if token := w.ResumeToken(); token != w.kept.saved {
		if err := w.Checkpoint.Save(token); err != nil {
			return fmt.Errorf("tenterhook: save the checkpoint: %w", err)
		}
		w.kept.saved = token
	}
	return nil
}

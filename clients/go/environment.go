package tenterhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// APIKeyFile reads an API key from a file, for [WithAPIKeyFrom]: again for each call, so that a new key
// needs no restart. While the file cannot be read, the last key is used.
func APIKeyFile(path string) (func() string, error) {
	read := func() (string, error) {
		text, err := os.ReadFile(path)
		return strings.TrimSpace(string(text)), err
	}
	last, err := read()
	if err != nil {
		return nil, err
	}
	if last == "" {
		return nil, fmt.Errorf("the API key file %s is empty", path)
	}
	var lock sync.Mutex
	return func() string {
		lock.Lock()
		defer lock.Unlock()
		if key, err := read(); err == nil && key != "" {
			last = key
		}
		return last
	}, nil
}

// FromEnv makes a client with the settings of the environment; opts win over them. It reads
// TENTERHOOK_ADDRESS, TENTERHOOK_API_KEY or TENTERHOOK_API_KEY_FILE, TENTERHOOK_NAMESPACE, and the
// files of TENTERHOOK_CA, TENTERHOOK_CLIENT_CERT and TENTERHOOK_CLIENT_KEY. A variable that is empty
// counts as unset. The error names every variable at fault.
func FromEnv(opts ...Option) (*Client, error) {
	var env environment
	target := env.get("TENTERHOOK_ADDRESS")
	if target == "" {
		env.fault("TENTERHOOK_ADDRESS is not set: give it host:port")
	}
	env.readKey()
	if namespace := env.get("TENTERHOOK_NAMESPACE"); namespace != "" {
		env.options = append(env.options, WithNamespace(namespace))
	}
	env.readTLS()
	if len(env.faults) > 0 {
		return nil, errors.New("tenterhook: " + strings.Join(env.faults, "; "))
	}
	return New(target, append(env.options, opts...)...)
}

// environment gathers options and what is wrong with them.
type environment struct {
	options []Option
	faults  []string
}

func (e *environment) get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

func (e *environment) fault(format string, arguments ...any) {
	e.faults = append(e.faults, fmt.Sprintf(format, arguments...))
}

// unread notes that the file of a variable cannot be used.
func (e *environment) unread(name string, err error) {
	var path *fs.PathError
	if errors.As(err, &path) {
		e.fault("%s: cannot read %s: %v", name, path.Path, path.Err)
	} else {
		e.fault("%s: %v", name, err)
	}
}

func (e *environment) readKey() {
	key, file := e.get("TENTERHOOK_API_KEY"), e.get("TENTERHOOK_API_KEY_FILE")
	switch {
	case key != "" && file != "":
		e.fault("TENTERHOOK_API_KEY and TENTERHOOK_API_KEY_FILE are both set: unset one")
	case file != "":
		read, err := APIKeyFile(file)
		if err != nil {
			e.unread("TENTERHOOK_API_KEY_FILE", err)
			return
		}
		e.options = append(e.options, WithAPIKeyFrom(read))
	case key != "":
		e.options = append(e.options, WithAPIKey(key))
	}
}

func (e *environment) readTLS() {
	const caVariable, certVariable, keyVariable = "TENTERHOOK_CA", "TENTERHOOK_CLIENT_CERT", "TENTERHOOK_CLIENT_KEY"
	before := len(e.faults)
	pem := map[string][]byte{}
	for _, name := range []string{caVariable, certVariable, keyVariable} {
		if path := e.get(name); path != "" {
			text, err := os.ReadFile(path)
			if err != nil {
				e.unread(name, err)
			}
			pem[name] = text
		}
	}
	if (e.get(certVariable) == "") != (e.get(keyVariable) == "") {
		e.fault("%s and %s belong together: set both", certVariable, keyVariable)
	}
	if len(pem) == 0 || len(e.faults) > before {
		return
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca, set := pem[caVariable]; set {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			e.fault("%s: %s has no certificate in PEM", caVariable, e.get(caVariable))
		}
	}
	if cert, set := pem[certVariable]; set {
		pair, err := tls.X509KeyPair(cert, pem[keyVariable])
		if err != nil {
			e.fault("%s and %s are no pair of certificate and key in PEM", certVariable, keyVariable)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	e.options = append(e.options, WithTLS(config))
}

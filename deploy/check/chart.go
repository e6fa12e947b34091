// Package check renders the Helm chart with Helm's own engine and reads what comes out with the types of
// Kubernetes, so that a field that does not exist, or has another type, is found before a cluster finds it.
//
// `make test-deploy` runs its tests.
package check

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const (
	chartFolder = "../helm/tenterhook"
	// Begins each document of a stream of YAML.
	separator = "---\n"
)

// Objects is what one rendering of the chart creates.
type Objects struct {
	Accounts []corev1.ServiceAccount
	Configs  []corev1.ConfigMap
	Services []corev1.Service
	Sets     []appsv1.StatefulSet
	Monitors []ServiceMonitor
	Budgets  []policyv1.PodDisruptionBudget
}

// ServiceMonitor is the part of the Prometheus operator's type that the chart uses.
type ServiceMonitor struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// Render returns the documents of the chart for these values, given as YAML, as Helm would send them.
func Render(values string) (string, error) {
	chart, err := loader.Load(chartFolder)
	if err != nil {
		return "", err
	}
	given := chartutil.Values{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		return "", err
	}
	release := chartutil.ReleaseOptions{Name: "tenterhook", Namespace: "tenterhook", IsInstall: true}
	// It checks the values against the schema, too.
	all, err := chartutil.ToRenderValues(chart, given, release, chartutil.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return "", err
	}
	return join(files), nil
}

// join puts the files in the order of their names; helpers and notes are no documents.
func join(files map[string]string) string {
	var names []string
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(text) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all strings.Builder
	for _, name := range names {
		all.WriteString(separator + strings.TrimSpace(files[name]) + "\n")
	}
	return all.String()
}

// Read reads a stream of documents strictly: a field that its type lacks is an error.
func Read(documents string) (Objects, error) {
	var objects Objects
	for _, document := range bytes.Split([]byte(documents), []byte("\n"+separator)) {
		document = bytes.TrimPrefix(document, []byte(separator))
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			return objects, err
		}
		if err := objects.add(head.APIVersion+" "+head.Kind, document); err != nil {
			return objects, fmt.Errorf("%s: %w", head.Kind, err)
		}
	}
	return objects, nil
}

func (o *Objects) add(kind string, document []byte) error {
	switch kind {
	case "v1 ServiceAccount":
		return decode(document, &o.Accounts)
	case "v1 ConfigMap":
		return decode(document, &o.Configs)
	case "v1 Service":
		return decode(document, &o.Services)
	case "apps/v1 StatefulSet":
		return decode(document, &o.Sets)
	case "policy/v1 PodDisruptionBudget":
		return decode(document, &o.Budgets)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return decode(document, &o.Monitors)
	}
	return fmt.Errorf("the chart has no object of the kind %q; add it here", kind)
}

func decode[T any](document []byte, all *[]T) error {
	var one T
	if err := yaml.UnmarshalStrict(document, &one); err != nil {
		return err
	}
	*all = append(*all, one)
	return nil
}

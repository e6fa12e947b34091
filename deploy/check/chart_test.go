package check

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const (
	header = "# Tenterhook on Kubernetes, for those who do not use Helm: the chart with %s. Written by\n" +
		"# `make generate-deploy`; edit deploy/helm/tenterhook instead. How to use it: docs/DEPLOYING.md.\n"
	nodes = "{replicas: 3, postgresql: {existingSecret: tenterhook-database}, sealingKey: {existingSecret: tenterhook-sealing}}"
)

// What is kept for those who do not use Helm, by what it is in words, with its values.
var manifests = map[string][2]string{
	"../kubernetes/tenterhook.yaml":            {"its default values", ""},
	"../kubernetes/tenterhook-postgresql.yaml": {"three nodes on a PostgreSQL", nodes},
}

var write = flag.Bool("write", false, "write the manifests instead of comparing them")

// Values that together reach every branch of the chart.
var values = map[string]string{
	"defaults":             "",
	"mesh":                 "{tls: {existingSecret: ''}, nameOverride: hooks}",
	"client certificates":  "{apiKeys: {existingSecret: ''}, tls: {clientCaSecret: callers}}",
	"sealing key and mine": "{sealingKey: {existingSecret: sealing}, persistence: {existingClaim: mine}}",
	"nodes":                nodes,
	"one node":             "{postgresql: {existingSecret: database, caSecret: roots}, sealingKey: {existingSecret: sealing}, persistence: {existingClaim: mine}}",
	"nodes on IPv6":        "{replicas: 2, bindAddress: '[::]', postgresql: {existingSecret: database}, sealingKey: {existingSecret: sealing}}",
	"everything": `
image: {repository: registry.example/tenterhook, tag: "1", pullPolicy: Always}
imagePullSecrets: [{name: registry}]
fullnameOverride: hooks
bindAddress: "[::]"
config: {retention: 30d, max-in-flight: 2048, allow-http: false, allow-network: [10.0.0.0/8, "fd00::/8"]}
tls: {existingSecret: certificate, clientCaSecret: callers}
persistence: {size: 100Gi, storageClassName: fast}
service: {type: LoadBalancer, port: 50443, annotations: {a: b}}
opsPort: 9999
serviceMonitor: {enabled: true, interval: 30s, labels: {release: prometheus}}
resources: {requests: {cpu: "2"}}
terminationGracePeriodSeconds: 90
serviceAccount: {annotations: {a: b}}
podAnnotations: {a: b}
podLabels: {team: platform}
nodeSelector: {disk: ssd}
tolerations: [{key: dedicated, operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClassName: high
`,
}

func render(t *testing.T, values string) (string, Objects) {
	t.Helper()
	text, err := Render(values)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Read(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return text, objects
}

func TestTheManifestsAreTheChartWithItsDefaults(t *testing.T) {
	for path, of := range manifests {
		rendered, _ := render(t, of[1])
		text := fmt.Sprintf(header, of[0]) + rendered
		if *write {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != text {
			t.Errorf("%s is not what the chart gives; run `make generate-deploy` (%v)", path, err)
		}
	}
}

func TestNodesShareADatabaseAndNothingElse(t *testing.T) {
	for name, address := range map[string]string{"nodes": "$(POD_IP):50051", "nodes on IPv6": "[$(POD_IP)]:50051"} {
		_, objects := render(t, values[name])
		set := objects.Sets[0]
		if *set.Spec.Replicas < 2 || len(set.Spec.VolumeClaimTemplates) != 0 || set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
			t.Errorf("%s: %d replicas that start one after the other or have volumes", name, *set.Spec.Replicas)
		}
		text := objects.Configs[0].Data["tenterhook.toml"]
		if strings.Contains(text, "store =") || !strings.Contains(text, "sealing-key-file") {
			t.Errorf("%s: the store or the sealing key is another one in\n%s", name, text)
		}
		given := map[string]corev1.EnvVar{}
		for _, variable := range set.Spec.Template.Spec.Containers[0].Env {
			given[variable.Name] = variable
		}
		if url := given["TENTERHOOK_STORE"].ValueFrom; url == nil || url.SecretKeyRef == nil || url.SecretKeyRef.Key != "url" {
			t.Errorf("%s: the URL is not in a secret", name)
		}
		if given["TENTERHOOK_NODE_ADDRESS"].Value != address || given["TENTERHOOK_NODE_NAME"].ValueFrom == nil {
			t.Errorf("%s: %v", name, given)
		}
		// A variable is known to those after it.
		list := set.Spec.Template.Spec.Containers[0].Env
		place := func(name string) int {
			return slices.IndexFunc(list, func(one corev1.EnvVar) bool { return one.Name == name })
		}
		if place("POD_IP") < 0 || place("POD_IP") > place("TENTERHOOK_NODE_ADDRESS") {
			t.Errorf("%s: POD_IP comes after what it is in", name)
		}
		contains(t, "the pods of the budget", objects.Budgets[0].Spec.Selector.MatchLabels, set.Spec.Template.Labels)
	}
	if _, objects := render(t, ""); len(objects.Budgets) != 0 {
		t.Error("a budget for one node would never let its machine be emptied")
	}
}

func TestEveryRenderingIsWhatKubernetesTakes(t *testing.T) {
	for name, values := range values {
		t.Run(name, func(t *testing.T) {
			_, objects := render(t, values)
			if len(objects.Sets) != 1 || len(objects.Services) != 2 || len(objects.Configs) != 1 || len(objects.Accounts) != 1 {
				t.Fatalf("%d stateful sets, %d services", len(objects.Sets), len(objects.Services))
			}
			set := objects.Sets[0]
			pod := set.Spec.Template
			contains(t, "the pods of the set", set.Spec.Selector.MatchLabels, pod.Labels)
			ports := map[string]bool{}
			for _, port := range pod.Spec.Containers[0].Ports {
				ports[port.Name] = true
			}
			for _, service := range objects.Services {
				contains(t, "the pods of "+service.Name, service.Spec.Selector, pod.Labels)
				for _, port := range service.Spec.Ports {
					if !ports[port.TargetPort.StrVal] {
						t.Errorf("%s: no container has the port %q", service.Name, port.TargetPort.StrVal)
					}
				}
			}
			if set.Spec.ServiceName != objects.Services[1].Name || objects.Services[1].Spec.ClusterIP != "None" {
				t.Errorf("the set's service %q is headless", set.Spec.ServiceName)
			}
			mounts(t, set.Spec.VolumeClaimTemplates, pod.Spec)
			for _, monitor := range objects.Monitors {
				contains(t, "the service of metrics", monitor.Spec.Selector.MatchLabels, objects.Services[1].Labels)
			}
		})
	}
}

// Each mount has its volume and each volume its mount, and each file of the configuration is in a mount.
func mounts(t *testing.T, claims []corev1.PersistentVolumeClaim, pod corev1.PodSpec) {
	t.Helper()
	volumes := map[string]bool{}
	for _, claim := range claims {
		volumes[claim.Name] = true
	}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	mounted := map[string]bool{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		mounted[mount.Name] = true
	}
	if !maps.Equal(volumes, mounted) {
		t.Errorf("volumes %v are mounted as %v", volumes, mounted)
	}
}

func TestEveryFileOfTheConfigurationIsMounted(t *testing.T) {
	file := regexp.MustCompile(`"(?:redb:)?(/[^"]+)"`)
	for name, values := range values {
		_, objects := render(t, values)
		text := objects.Configs[0].Data["tenterhook.toml"]
		for _, found := range file.FindAllStringSubmatch(text, -1) {
			isMounted := false
			for _, mount := range objects.Sets[0].Spec.Template.Spec.Containers[0].VolumeMounts {
				isMounted = isMounted || strings.HasPrefix(found[1], mount.MountPath+"/")
			}
			if !isMounted {
				t.Errorf("%s: %s is in no volume", name, found[1])
			}
		}
	}
}

func TestEveryValueIsSetByARenderingAndUsedByATemplate(t *testing.T) {
	chart, err := loader.Load(chartFolder)
	if err != nil {
		t.Fatal(err)
	}
	templates := ""
	for _, file := range chart.Templates {
		templates += string(file.Data)
	}
	set := map[string]bool{}
	for name, text := range values {
		given := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &given); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, path := range paths("", given, templates) {
			set[path] = true
		}
	}
	for _, path := range paths("", chart.Values, templates) {
		if !set[path] {
			t.Errorf("no rendering of this test sets %s", path)
		}
		if !regexp.MustCompile(`\.Values\.` + regexp.QuoteMeta(path) + `\b`).MatchString(templates) {
			t.Errorf("no template uses %s", path)
		}
	}
}

// paths lists values such as `image.tag`; a map that templates hand on whole, such as `resources`, is one value.
func paths(prefix string, values map[string]any, templates string) (all []string) {
	for name, value := range values {
		path := prefix + name
		if inner, isMap := value.(map[string]any); isMap && strings.Contains(templates, ".Values."+path+".") {
			all = append(all, paths(path+".", inner, templates)...)
		} else {
			all = append(all, path)
		}
	}
	return all
}

func TestTheServerRunsWithoutRights(t *testing.T) {
	_, objects := render(t, "")
	pod := objects.Sets[0].Spec.Template.Spec
	container := pod.Containers[0].SecurityContext
	switch {
	case !*pod.SecurityContext.RunAsNonRoot, *pod.SecurityContext.RunAsUser == 0:
		t.Error("it may be root")
	case !*container.ReadOnlyRootFilesystem, *container.AllowPrivilegeEscalation:
		t.Error("it may change its image or gain rights")
	case len(container.Capabilities.Drop) != 1 || container.Capabilities.Drop[0] != "ALL":
		t.Error("it has capabilities")
	case pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Error("it may make any system call")
	case *pod.AutomountServiceAccountToken:
		t.Error("it has a token of the Kubernetes API")
	}
}

func TestWrongValuesAreRefusedWithTheirName(t *testing.T) {
	for values, expected := range map[string]string{
		"replicas: 3":                                        "postgresql.existingSecret",
		"replicas: 0":                                        "replicas",
		"postgresql: {existingSecret: database}":             "sealingKey.existingSecret",
		"postgresql: {caSecret: roots}":                      "postgresql.existingSecret",
		"config: {node-address: a}":                          "node-address",
		"config: {listen: '0.0.0.0:1'}":                      "listen",
		"config: {Retention: 7d}":                            "Retention",
		"config: {allow-network: {a: b}}":                    "allow-network",
		"opsPort: 80":                                        "opsPort",
		"service: {type: ExternalName}":                      "type",
		"persistence: {size: large}":                         "size",
		"apiKeys: {existingSecret: ''}":                      "apiKeys.existingSecret",
		"tls: {existingSecret: '', clientCaSecret: callers}": "tls.existingSecret",
	} {
		_, err := Render(values)
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%s: %v", values, err)
		}
	}
}

func TestTheChartHasTheVersionOfTheServer(t *testing.T) {
	cargo, err := os.ReadFile("../../Cargo.toml")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^version = "(.+)"$`).FindSubmatch(cargo)[1]
	chart, err := os.ReadFile(chartFolder + "/Chart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"version: ", "appVersion: "} {
		if !strings.Contains(string(chart), "\n"+line+string(version)+"\n") {
			t.Errorf("Chart.yaml has not `%s%s`", line, version)
		}
	}
}

func TestAFieldThatDoesNotExistIsFound(t *testing.T) {
	text, _ := render(t, "")
	for _, wrong := range []string{"replicas: 1\n  replica: 1", "replicas: one"} {
		if _, err := Read(strings.Replace(text, "replicas: 1", wrong, 1)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func contains(t *testing.T, what string, selector, labels map[string]string) {
	t.Helper()
	if len(selector) == 0 {
		t.Errorf("%s are selected by nothing", what)
	}
	for key, value := range selector {
		if labels[key] != value {
			t.Errorf("%s lack the label %s=%s", what, key, value)
		}
	}
}

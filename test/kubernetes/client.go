// client-go as it is: typed, in protobuf, with an informer. What it does is one JSON object on standard output.
package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	namespace := os.Args[1]
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	clients, err := kubernetes.NewForConfig(config)
	must(err)
	maps := clients.CoreV1().ConfigMaps(namespace)
	seen := make(chan string, 8)
	only := informers.WithTweakListOptions(func(options *meta.ListOptions) { options.FieldSelector = "metadata.name=go" })
	factory := informers.NewSharedInformerFactoryWithOptions(clients, 0, informers.WithNamespace(namespace), only)
	informer := factory.Core().V1().ConfigMaps().Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { seen <- "added" },
		DeleteFunc: func(any) { seen <- "deleted" },
	})
	must(err)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	made := &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: "go"}, Data: map[string]string{"colour": "green"}}
	_, err = maps.Create(ctx, made, meta.CreateOptions{})
	must(err)
	events := []string{<-seen}
	read, err := maps.Get(ctx, "go", meta.GetOptions{})
	must(err)
	must(maps.Delete(ctx, "go", meta.DeleteOptions{}))
	events = append(events, <-seen)
	_, err = clients.CoreV1().Secrets(namespace).List(ctx, meta.ListOptions{})
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"read":        read.Data["colour"],
		"watched":     events,
		"isForbidden": errors.IsForbidden(err),
		"refused":     err.Error(),
	}))
}

/* kube/kinds.c - what is asked of a cluster, and which fields of it matter. SPDX-License-Identifier: MIT */
#include "config.h"

#include "kube/mirror.h"

#define T(literal)                                                                                           \
    {                                                                                                        \
        "" literal, sizeof(literal) - 1                                                                      \
    }
#define GATEWAY T("gateway.networking.k8s.io")
#define SPEC    T("metadata.generation spec")
#define GRANT   T("spec")
#define ROUTE   T("metadata.generation metadata.annotations.khap.io/* spec")

/* What is not kept wakes nobody when it changes: the heartbeat of a node, who wrote a field last. The names of kinds are those of store.c. */
static const struct followed followed[] = {
    {T("Service"), T(""), T("services"), T("v1"),
     T("metadata.finalizers metadata.annotations.khap.io/* metadata.annotations.haproxy.org/* "
       "metadata.annotations.haproxy-ingress.github.io/* "
       "spec.type spec.clusterIP spec.loadBalancerClass spec.loadBalancerIP spec.loadBalancerSourceRanges "
       "spec.externalTrafficPolicy spec.sessionAffinity spec.sessionAffinityConfig spec.healthCheckNodePort "
       "spec.ipFamilies spec.ipFamilyPolicy spec.ports status.loadBalancer"),
     T(""), T(""), T("services"), true, false},
    {T("Node"), T(""), T("nodes"), T("v1"),
     T("metadata.labels spec.unschedulable spec.taints status.addresses"), T(""), T(""), T("services"), false,
     false},
    {T("EndpointSlice"), T("discovery.k8s.io"), T("endpointslices"), T("v1 v1beta1"),
     T("metadata.labels.kubernetes.io/service-name endpoints.nodeName endpoints.conditions "
       "endpoints.topology.kubernetes.io/hostname"),
     T(""), T(""), T("services"), true, false},
    {T("Ingress"), T("networking.k8s.io"), T("ingresses"), T("v1"),
     T("metadata.annotations.khap.io/* metadata.annotations.kubernetes.io/ingress.class "
       "metadata.annotations.haproxy.org/* metadata.annotations.haproxy-ingress.github.io/* spec"),
     T("spec.tls"), T("secretName"), T("ingresses"), true, false},
    {T("IngressClass"), T("networking.k8s.io"), T("ingressclasses"), T("v1"),
     T("metadata.annotations.ingressclass.kubernetes.io/is-default-class spec"), T(""), T(""), T("ingresses"),
     false, false},
    {T("GatewayClass"), GATEWAY, T("gatewayclasses"), T("v1 v1beta1"), SPEC, T(""), T(""), T("gateways"),
     false, false},
    {T("Gateway"), GATEWAY, T("gateways"), T("v1 v1beta1"), ROUTE, T("spec.listeners.tls.certificateRefs"),
     T("name"), T("gateways"), true, false},
    {T("HTTPRoute"), GATEWAY, T("httproutes"), T("v1 v1beta1"), ROUTE, T(""), T(""), T("gateways"), true,
     false},
    {T("GRPCRoute"), GATEWAY, T("grpcroutes"), T("v1 v1alpha2"), ROUTE, T(""), T(""), T("gateways"), true,
     false},
    {T("TLSRoute"), GATEWAY, T("tlsroutes"), T("v1 v1alpha3 v1alpha2"), ROUTE, T(""), T(""), T("gateways"),
     true, false},
    {T("TCPRoute"), GATEWAY, T("tcproutes"), T("v1 v1alpha2"), ROUTE, T(""), T(""), T("gateways"), true,
     false},
    {T("ReferenceGrant"), GATEWAY, T("referencegrants"), T("v1 v1beta1"), GRANT, T(""), T(""), T("gateways"),
     true, false},
    {T("Namespace"), T(""), T("namespaces"), T("v1"), T("metadata.labels"), T(""), T(""), T("gateways"),
     false, false},
    {T("Secret"), T(""), T("secrets"), T("v1"), T("type data.tls.crt data.tls.key data.ca.crt"), T(""), T(""),
     T(""), true, true},
};

const struct followed *khap__kube_followed(size_t i)
{
    return i < sizeof followed / sizeof *followed ? &followed[i] : NULL;
}

const struct followed *khap__kube_followed_kind(struct khap_str kind)
{
    for (size_t i = 0; i < sizeof followed / sizeof *followed; i++) {
        if (khap__kube_same(followed[i].kind, kind))
            return &followed[i];
    }
    return NULL;
}

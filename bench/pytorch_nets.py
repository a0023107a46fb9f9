"""Nets in PyTorch that are Tessera's of the same name, down to the names of their weights.

For bench/compare_pytorch and tests/models/parity.py. torchvision's are asked for when needed.
"""
import torch.nn as nn
import torch.nn.functional as F


def tutorial(classes):
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, classes))


class CifarBlock(nn.Module):
    """Of He et al.'s networks for CIFAR, with shortcuts without weights."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.zeros:
            x = x[:, :, :: self.stride, :: self.stride]
            x = F.pad(x, (0, 0, 0, 0, self.zeros // 2, self.zeros - self.zeros // 2))
        return self.relu(y + x)


class CifarResNet(nn.Module):
    def __init__(self, blocks, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        width = 16
        for stage in 1, 2, 3:
            layers = []
            for i in range(blocks):
                stride = 2 if stage > 1 and i == 0 else 1
                layers.append(CifarBlock(width, width * stride, stride))
                width *= stride
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.fc = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def resnet20(classes):
    return CifarResNet(3, classes)


def vgg11_bn_cifar(classes):
    net = torchvision_net("vgg11_bn", classes)
    net.avgpool = nn.Identity()
    net.classifier = nn.Linear(512, classes)
    nn.init.normal_(net.classifier.weight, 0, 0.01)
    nn.init.zeros_(net.classifier.bias)
    return net


def mobilenet_v2_cifar(classes):
    net = torchvision_net("mobilenet_v2", classes)
    net.features[0][0].stride = net.features[2].conv[1][0].stride = 1, 1
    net.classifier[0].p = 0.0
    return net


def googlenet(classes):
    return torchvision_net("googlenet", classes, aux_logits=False, init_weights=True)


def vit_tiny(classes):
    import torchvision

    return torchvision.models.VisionTransformer(
        image_size=32, patch_size=4, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768,
        num_classes=classes)


def torchvision_net(name, classes, **options):
    import torchvision

    return getattr(torchvision.models, name)(weights=None, num_classes=classes, **options)


OWN = {net.__name__: net
       for net in (tutorial, resnet20, vgg11_bn_cifar, mobilenet_v2_cifar, googlenet, vit_tiny)}


def make_net(name, classes):
    return OWN[name](classes) if name in OWN else torchvision_net(name, classes)

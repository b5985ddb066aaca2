# Channel bindings (tls-server-end-point, RFC 5929): a token is good for the TLS channel that it was
# made for, and for no other.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256 sha384 sha512);
use NegTest;
use NegTest::Ports 'free_port';
use NegTest::TLS;

my $dir = stage_dir() . '/tls';
my $ca  = NegTest::TLS->make_authority(make_directory("$dir/bindings"));
my %certificate = (
    rsa256 => { key => 'rsa', digest => 'sha256', hash => \&sha256 },
    rsa384 => { key => 'rsa', digest => 'sha384', hash => \&sha384 },
    ec512  => { key => 'ec',  digest => 'sha512', hash => \&sha512 },
);
$ca->make_certificate($_, key => $certificate{$_}{key}, digest => $certificate{$_}{digest})
  for sort keys %certificate;
my %port = map { $_ => free_port() } keys %certificate, 'both';

my $server = server(conf => join "\n", locations(), map({ tls_host($_, $_) } sort keys %certificate),
    tls_host('both', 'rsa256', 'ec512'))->start;

plan tests => 64;

# What a client binds to on this connection, by the certificate it was shown.
sub end_point {
    my ($http, $hash) = @_;
    return 'tls-server-end-point:' . $hash->($http->peer_certificate);
}

sub tls {
    my ($name, %opt) = @_;
    return NegTest::HTTP->new(port => $port{$name}, tls => 1, ca_file => $ca->ca_file, %opt);
}

sub ask {
    my ($http, $path, %opt) = @_;
    return $http->get("$path/env.pl", Authorization => initiator('alice', %opt)->authorization);
}

for my $name (sort keys %certificate) {
    for my $mech (qw(spnego krb5)) {
        my $http  = tls($name);
        my $right = end_point($http, $certificate{$name}{hash});
        my $r     = ask($http, '/require', mech => $mech, bindings => $right);
        is $r->status, 200, "$name, $mech: a bound token enters where that is required";
        is $r->env->{NEGOTIATE_CHANNEL_BOUND}, 1, '... and the application knows';
    }
}

{
    my $http  = tls('rsa256');
    my $right = end_point($http, \&sha256);
    my $log   = $server->log->mark;
    my $r     = ask($http, '/require');
    is $r->status, 401, 'required: a token without bindings is refused';
    like join("\n", $log->wait_for(qr/\(unbound\)/)), qr/curl 8\.10/, '... with the clients that can';
    is_deeply [ $r->challenges ], ['Negotiate oQcwBaADCgEC'], '... and a reject, not the final token';

    $log->mark;
    is ask(http(port => $server->port), '/require')->status, 401, '... nor one that comes without TLS';
    like join("\n", $log->wait_for(qr/\(unbound\)/)), qr/came without TLS, so that no token can be bound.*name the certificate/, '... which is not the client\'s to mend';

    $r = ask($http, '/optional');
    is $r->status, 200, 'optional: a token without bindings enters';
    is $r->env->{NEGOTIATE_CHANNEL_BOUND}, 0, '... and the application knows';
    is ask($http, '/optional', bindings => $right)->env->{NEGOTIATE_CHANNEL_BOUND}, 1,
      'optional: a bound token is bound';

    $r = ask($http, '/off', bindings => 'tls-server-end-point:nonsense');
    is $r->status, 200, 'off: nobody looks';
    is $r->env->{NEGOTIATE_CHANNEL_BOUND}, 0, '... and nothing is bound';
}

# A relayed token: made for the certificate of somebody in between.
for my $path (qw(/optional /require)) {
    for my $mech (qw(spnego krb5)) {
        my $relay = end_point(tls('rsa384'), \&sha384);
        my $log   = $server->log->mark;
        my $r     = ask(tls('rsa256'), $path, mech => $mech, bindings => $relay);
        is $r->status, 401, "$path, $mech: a token for another certificate is refused";
        ok scalar $log->wait_for(qr/\(bindings\)/), '... and said to be that';
    }
}

{
    my $http  = tls('ec512');
    my $short = 'tls-server-end-point:' . sha256($http->peer_certificate);
    is ask($http, '/optional', bindings => $short)->status, 401, 'the hash has to be the signature\'s';
}

# One virtual host, two certificates: the one that this connection was shown counts.
for my $cipher (qw(ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-GCM-SHA256)) {
    my $http = tls_1_2($port{both}, $cipher);
    my $hash = $cipher =~ /ECDSA/ ? \&sha512 : \&sha256;
    is ask($http, '/require', bindings => end_point($http, $hash))->status, 200,
      "two certificates: $cipher";
    my $other = $cipher =~ /ECDSA/ ? 'rsa256' : 'ec512';
    is ask($http, '/require', bindings => end_point(tls($other), $certificate{$other}{hash}))->status,
      401, '... and not the other';
}

# The identity of a connection remembers whether it was bound.
{
    my $http = tls('rsa256');
    is ask($http, '/optional/persist')->status, 200, 'an identity on a connection, not bound';
    is $http->get('/optional/persist/env.pl')->status, 200, '... is kept';
    is $http->get('/require/persist/env.pl')->status, 401, '... and does not enter where that is required';
    my $right = end_point($http, \&sha256);
    is ask($http, '/require/persist', bindings => $right)->status, 200, 'bound, it enters';
    my $r = $http->get('/require/persist/env.pl');
    is $r->status, 200, '... again';
    is $r->env->{NEGOTIATE_CHANNEL_BOUND}, 1, '... and is known to be bound';
}

# ... and by which rule: what nobody looked at, or what was held against another certificate, is not
# good where the client's bindings have to be those of this channel.
{
    my $relay = end_point(tls('ec512'), \&sha512);
    my $http  = tls('rsa256');
    is ask($http, '/off/persist', bindings => $relay)->status, 200, 'off: a relayed token enters';
    is $http->get('/off/persist/env.pl')->status, 200, '... and lasts there';
    is $http->get('/optional/persist/env.pl')->status, 401, '... and not where bindings are looked at';
    is $http->get('/require/persist/env.pl')->status, 401, '... nor where they are required';
    $http = tls('rsa256');
    is ask($http, '/front/persist', bindings => $relay)->status, 200, 'bound to the certificate in front';
    is $http->get('/front/persist/env.pl')->status, 200, '... it lasts there';
    is $http->get('/require/persist/env.pl')->status, 401, '... and is not bound to this channel';
    is $http->get('/optional/persist/env.pl')->status, 401, '... optional or not';
    is $http->get('/off/persist/env.pl')->status, 200, '... but enough where nobody looks';
}

# Bindings are in the first leg: one that was made elsewhere is not continued here.
for my $case ([ '/off', '/optional', 'ec512' ], [ '/front', '/require', 'ec512' ], [ '/require', '/require', 'rsa256' ]) {
    my ($first, $second, $certificate) = @$case;
    my $bindings = end_point(tls($certificate), $certificate{$certificate}{hash});
    my $http     = tls('rsa256');
    my $gss      = initiator('alice', dce => 1, bindings => $bindings);
    my $token    = $http->get("$first/env.pl", Authorization => $gss->authorization)->token;
    my $r        = $http->get("$second/env.pl", Authorization => $gss->authorization($token));
    is $r->status, $first eq $second ? 200 : 401, "two legs, $first and $second";
    is $r->env->{NEGOTIATE_CHANNEL_BOUND}, 1, '... bound' if $first eq $second;
}
is ask(tls('rsa256'), '/require', dce => 1, bindings => 'tls-server-end-point:nonsense')->status, 401,
  'two legs, the first with other bindings';

# TLS ends in front of httpd: its certificate is named.
{
    my $front = NegTest::HTTP->new(port => $server->port);
    my $bound = end_point(tls('ec512'), \&sha512);
    is ask($front, '/front', bindings => $bound)->status, 200, 'a certificate in front of httpd';
    is ask($front, '/front')->status, 401, '... is required';
    is ask($front, '/require', bindings => $bound)->status, 401, 'without TLS nothing can be bound';
}

$server->stop;

# Where it cannot be told what the client was shown, nothing is held against nothing.
SKIP: {
    skip 'build/t/preload.so is not built: make check-httpd does', 3 if !-e $ENV{NEG_FAULTS};
    my $preload = join ':', grep { $_ } $ENV{NEG_SANITIZE_PRELOAD}, $ENV{NEG_FAULTS};
    my $blind = server(
        conf => join("\n", locations() =~ s{<Location /front>.*?</Location>}{}sr, tls_host('rsa256', 'rsa256')),
        env  => { LD_PRELOAD => $preload, NEG_NO_X509_DIGEST => 1 }
    )->start;
    my $log = $blind->log->mark;
    is ask(tls('rsa256'), '/optional', bindings => 'tls-server-end-point:nonsense')->status, 500,
      'a certificate that cannot be hashed: no token enters, whatever it is bound to';
    is ask(tls('rsa256'), '/optional')->status, 500, '... nor one that is not bound';
    like join("\n", $log->wait_for(qr/\(internal\)/)), qr/channel bindings cannot be found/, '... which is said';
    $blind->stop;
}

# A .htaccess may ask for bindings; the file of a certificate is not its to name.
{
    my $htdocs = make_directory("$dir/htdocs");
    my $write  = sub {
        my ($name, $text) = @_;
        open my $out, '>', "$htdocs/$name" or die "$name: $!\n";
        print $out $text;
    };
    chmod 0755, $htdocs, $dir;
    $write->('index.html', "a page\n");
    my $other = server(conf => <<"CONF")->start;
AuthNegotiateKeytab \@keytab\@
Alias /page "$htdocs"
<Directory "$htdocs">
    AllowOverride AuthConfig
    AuthType Negotiate
    AuthName test
    Require valid-user
</Directory>
CONF
    $write->('.htaccess', "AuthNegotiateChannelBinding require\n");
    my $get = sub {
        http(port => $other->port)->get('/page/index.html', Authorization => initiator('alice')->authorization)->status;
    };
    is $get->(), 401, 'a .htaccess may require bindings';
    my $log = $other->log->mark;
    $write->('.htaccess', "AuthNegotiateChannelBinding require $dir/bindings/ec512.crt\n");
    is $get->(), 500, '... and not name a certificate';
    like join("\n", $log->wait_for(qr/ChannelBinding/)), qr/may not be named in \.htaccess/, '... which is said';
    $other->stop;
}

sub make_directory { mkdir $_[0] or die "$_[0]: $!\n"; return $_[0] }

sub tls_1_2 {
    my ($to, $cipher) = @_;
    require IO::Socket::SSL;
    my $http = NegTest::HTTP->new(port => $to);
    $http->{socket} = IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1', PeerPort => $to, SSL_version => 'TLSv1_2',
        SSL_cipher_list => $cipher, SSL_ca_file => $ca->ca_file, SSL_hostname => 'localhost',
        SSL_verifycn_name => 'localhost', SSL_verifycn_scheme => 'http',
    ) or die "TLS: ", IO::Socket::SSL::errstr(), "\n";
    return $http;
}

sub locations {
    my $any = "AuthType Negotiate\nAuthName test\nRequire valid-user\n";
    return <<"CONF";
ScriptAliasMatch "^/.*/env\.pl\$" "\@stage\@/cgi-bin/env.pl"
AuthNegotiateKeytab \@keytab\@
<Location /optional>
$any
</Location>
<Location /off>
$any
AuthNegotiateChannelBinding off
</Location>
<Location /require>
$any
AuthNegotiateChannelBinding require
</Location>
<LocationMatch "/persist/">
AuthNegotiatePersist On
</LocationMatch>
<Location /front>
$any
AuthNegotiateChannelBinding require $dir/bindings/ec512.crt
</Location>
CONF
}

sub tls_host {
    my ($name, @certificates) = @_;
    my $files = join "\n",
      map { "SSLCertificateFile $dir/bindings/$_.crt\nSSLCertificateKeyFile $dir/bindings/$_.key" }
      @certificates;
    return <<"CONF";
Listen 127.0.0.1:$port{$name}
<VirtualHost 127.0.0.1:$port{$name}>
ServerName localhost:$port{$name}
SSLEngine On
$files
</VirtualHost>
CONF
}

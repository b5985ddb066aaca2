# What other modules are told: t/mod_neg_example.c, loaded into the same server.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'decode_base64';
use NegTest;
use NegTest::Stage;

-e $ENV{NEG_EXAMPLE}
  or plan skip_all => 'the example module is not built: make check, or make build/t/mod_neg_example.so';
plan tests => 46;

my $dir = stage_dir() . '/inprocess';
mkdir $dir;
NegTest::Stage->give_to_httpd($dir, 0700);

my $server = server(conf => <<"CONF")->start;
AuthNegotiateKeytab \@keytab\@
PassEnv KRB5_CONFIG
RewriteEngine On
RewriteRule ^/redirect\$ /delegate [PT]
<Location /open>
    SetHandler neg-example
</Location>
<Location /plain>
    AuthType Negotiate
    AuthName test
    Require valid-user
    SetHandler neg-example
</Location>
<Location /delegate>
    AuthType Negotiate
    AuthName test
    AuthNegotiateDelegate FILE:$dir
    AuthNegotiatePersist On
    AuthNegotiateUser strip
    Require valid-user
    SetHandler neg-example
</Location>
<Location /delegate/off>
    AuthNegotiateDelegate off
</Location>
Alias /pages \@documentroot\@
<Location /pages>
    Options +Includes
    AuthType Negotiate
    AuthName test
    AuthNegotiateDelegate FILE:$dir
    Require valid-user
</Location>
<Location /pages/inner>
    SetHandler neg-example
</Location>
<Location /pages/open>
    AuthType None
    Require all granted
    SetHandler neg-example
</Location>
<Location /basic>
    AuthType Basic
    AuthName test
    AuthBasicProvider file
    AuthUserFile \@dir\@/users
    Require valid-user
    SetHandler neg-example
</Location>
ErrorDocument 404 /open
CONF

sub connection { return http(port => $server->port) }

sub told {
    my ($http, $path, @gss) = @_;
    return $http->get($path, @gss ? (Authorization => initiator(@gss)->authorization) : ())->env;
}

{
    my $told = told(connection(), '/open');
    is $told->{identity}, 'NULL', 'a page without authentication: nobody';
    is $told->{delegated}, 'APR_ENOENT', '... and nothing is delegated';
    $told = told(connection(), '/open', 'alice', delegate => 1);
    is $told->{identity}, 'NULL', '... not even when the client sends a token';
}

{
    my $told = told(connection(), '/plain', 'alice', delegate => 1);
    is $told->{identity}, 'yes', 'a protected page';
    is $told->{principal}, 'alice@EXAMPLE.TEST', '... principal';
    is $told->{realm}, 'EXAMPLE.TEST', '... realm';
    is $told->{scheme}, 'Negotiate', '... scheme';
    is $told->{mechanism}, 'krb5', '... mechanism';
    is $told->{source}, 'header', '... source';
    my ($ends) = kdc()->klist('-c', ccache('alice')) =~ m{ (\S+ \S+)  HTTP/localhost}
      or diag kdc()->klist('-c', ccache('alice'));
    require Time::Local;
    my ($month, $day, $year, @time) = $ends =~ m{(\d+)/(\d+)/(\d+) (\d+):(\d+):(\d+)};
    my $end = Time::Local::timegm(reverse(@time), $day, $month - 1, $year + 2000);
    ok $told->{expires} <= $end && $told->{expires} > $end - 5, '... expiry: that of the ticket'
      or diag "$told->{expires}, ticket $end";
    is $told->{delegated}, 'APR_ENOENT', '... no delegation where it is off';
    is $told->{ccache}, '', '... and no ccache';
}

{
    my $http = connection();
    my $told = told($http, '/delegate', 'alice', delegate => 1);
    is $told->{principal}, 'alice@EXAMPLE.TEST', 'delegation: the principal, whatever REMOTE_USER is';
    like $told->{ccache}, qr{^FILE:\Q$dir\E/\w+$}, '... the ccache';
    is $told->{delegated}, 'yes', '... the credential';
    is $told->{initiator}, 'alice@EXAMPLE.TEST', '... acts as alice';
    my $r = connection()->get('/plain', Authorization => "Negotiate $told->{token}");
    is $r->status, 200, '... its token is good';
    is $r->env->{principal}, 'alice@EXAMPLE.TEST', '... and proves that it is alice';

    my $again = told($http, '/delegate');
    is $again->{source}, 'connection', 'the same connection: source';
    is $again->{ccache}, $told->{ccache}, '... the same ccache';
    is $again->{initiator}, 'alice@EXAMPLE.TEST', '... and it still acts as alice';
    is told($http, '/delegate?HTTP@www.example.test')->{initiator}, 'alice@EXAMPLE.TEST', '... for any service';
    like told($http, '/delegate?HTTP@nobody.example.test')->{error}, qr/not found in Kerberos database/,
      '... that there is';
    is told($http, '/open')->{identity}, 'NULL', '... but not on an open page of this connection';
    my $off = told($http, '/delegate/off');
    is "$off->{identity} $off->{delegated} $off->{ccache}", 'yes APR_ENOENT ', '... nor where delegation is off';

    my ($path) = $told->{ccache} =~ /^FILE:(.*)/;
    unlink $path or diag "$path: $!";
    my $lost = told($http, '/delegate');
    is $lost->{identity}, 'yes', 'a ccache that somebody removed: the identity stays';
    is $lost->{delegated}, 'error', '... the credential is lost';
    my @said = $server->log->wait_for(qr/that alice\@EXAMPLE\.TEST delegated is lost/);
    is scalar @said, 1, '... the log says so';
    like "@said", qr/:error\].*\Q$path\E/, '... with the path';
}

{
    my $told = told(connection(), '/delegate', 'alice');
    is $told->{identity}, 'yes', 'a client that does not delegate';
    is $told->{delegated}, 'APR_ENOENT', '... has delegated nothing: not the server\'s tickets either';
    is $told->{ccache}, '', '... no ccache';
}

{
    my $told = told(connection(), '/redirect', 'bob', delegate => 1);
    is $told->{initiator}, 'bob@EXAMPLE.TEST', 'through mod_rewrite';
    my $body = connection()->get('/pages/example.shtml', Authorization => initiator('bob', delegate => 1)->authorization)
      ->body;
    my ($inner, $open) = split /--/, $body;
    my %inner = $inner =~ /^(\w+)=(.*)$/mg;
    is $inner{identity}, 'yes', 'a subrequest';
    is $inner{source}, 'inherited', '... inherits';
    is $inner{principal}, 'bob@EXAMPLE.TEST', '... the identity';
    is $inner{initiator}, 'bob@EXAMPLE.TEST', '... and the credential';
    like $open || '', qr/^identity=NULL$/m, 'a subrequest for an open page knows nobody';
    unlike $open || '', qr/^delegated=yes$/m, '... and has no credential';
}

{
    my $r = connection()->get('/delegate/none', Authorization => negotiate('junk'));
    is $r->status, 401, 'a refused token';
    unlike $r->body, qr/identity=yes/, '... is nobody';
    open my $out, '>', $server->dir . '/users' or die $!;
    print $out 'alice:', run([ 'openssl', 'passwd', '-apr1', 'secret' ])->{output};
    close $out;
    is connection()->get('/basic')->status, 401, 'another scheme\'s page';
    my $told = connection()->get('/basic', Authorization => 'Basic YWxpY2U6c2VjcmV0')->env;
    is $told->{identity}, 'NULL', '... whose users are not ours';
    is $told->{delegated}, 'APR_ENOENT', '... and delegate nothing';
}

ok wait_until(sub { !(my @left = glob "$dir/*") }, 5), 'no ccache is left' or diag join ' ', glob "$dir/*";
is_deeply [ $server->log->crashes ], [], 'nobody died';
$server->stop;
